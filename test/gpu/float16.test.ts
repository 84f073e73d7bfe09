import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { chooseBackend, kernelBuild } from '../../kernels/backends/choose.js';
import { webGpu } from '../../kernels/backends/webgpu/index.js';
import { gatedMlp, packGatedMlp } from '../../kernels/ops/gated-mlp/index.js';
import { packHead, tokenLogProb } from '../../kernels/ops/token-log-prob/index.js';
import { linearOnce, normal } from '../kernels/backend.js';
import { on, onBoth, relativeError } from './on-both.js';

const product = (M: number, N: number, K: number, x: Float32Array, w: Float32Array) => () =>
  linearOnce(x, w, [M, N, K], { dtype: 'f16' });

describe('float16 weights', () => {
  let has = false;
  before(async () => {
    await chooseBackend('webgpu');
    has = webGpu().f16;
  });
  afterEach(() => {
    webGpu().f16 = has;
  });

  it('are multiplied in float32 where the device has nothing else', async () => {
    webGpu().f16 = false;
    const [M, N, K] = [20, 71, 100];
    const { gpu, reference } = await onBoth(product(M, N, K, normal(M * K, 1), normal(N * K, 2)));
    expect(relativeError(gpu, reference)).to.be.below(1e-6);
  });

  describe('in float16', () => {
    before(function () {
      if (!has) this.skip();
    });

    it('are told of by the name of the build', async () => {
      const buildWith = async (f16: boolean) => {
        webGpu().f16 = f16;
        await chooseBackend('webgpu');
        return kernelBuild('webgpu');
      };
      expect(await buildWith(true)).to.equal(`${await buildWith(false)} f16`);
    });

    it('give the sums of float32 within 1e-3', async () => {
      for (const [M, N, K] of [
        [1, 71, 2048],
        [20, 71, 2048],
        [3, 5, 4],
        [1, 33, 1099],
      ]) {
        const { gpu, reference } = await onBoth(product(M, N, K, normal(M * K, 1), normal(N * K, 2)));
        expect(relativeError(gpu, reference), `${M} rows, ${K} → ${N}`).to.be.below(1e-3);
      }
    });

    it('neither overflow nor vanish, however large or small activations and weights are', async () => {
      const [M, N, K] = [1, 40, 320];
      for (const size of [1e-30, 1e-6, 1e6, 1e30]) {
        for (const weight of [1e-4, 1, 1.6e4]) {
          const x = normal(M * K, 1).map((v) => v * size);
          const w = normal(N * K, 2).map((v) => v * weight);
          const { gpu, reference } = await onBoth(product(M, N, K, x, w));
          expect(relativeError(gpu, reference), `${size} × ${weight}`).to.be.below(1e-3);
        }
      }
    });

    it('keep what stands beside a large activation', async () => {
      const [M, N, K] = [1, 40, 320];
      const w = normal(N * K, 2).map((v, i) => (i % K === 7 ? 0 : v));
      const without = normal(K, 1).map((v, k) => (k === 7 ? 0 : v));
      const x = without.map((v, k) => (k === 7 ? 1e4 : v));
      const [some, reference] = [
        await on('webgpu', product(M, N, K, x, w)),
        await on('cpu', product(M, N, K, without, w)),
      ];
      expect(relativeError(some, reference)).to.be.below(1e-3);
    });

    it('do so in gatedMlp and tokenLogProb too', async () => {
      const [M, d, f] = [3, 64, 96];
      const mlp = await onBoth(() => {
        const weights = packGatedMlp(
          { d, f, gate: normal(f * d, 2), up: normal(f * d, 3), down: normal(d * f, 4) },
          { gateUp: 'f16', down: 'f16' },
        );
        const y = gatedMlp(tf.tensor2d(normal(M * d, 1), [M, d]), weights, 'silu');
        weights.dispose();
        return y;
      });
      expect(relativeError(mlp.gpu, mlp.reference)).to.be.below(2e-3);
      const logProbs = await onBoth(() => {
        const head = packHead(normal(300 * d, 2), 300, d, { dtype: 'f16' });
        const y = tokenLogProb(tf.tensor2d(normal(M * d, 1), [M, d]), head, Int32Array.of(7, 0, 299));
        head.dispose();
        return y;
      });
      expect(relativeError(logProbs.gpu, logProbs.reference)).to.be.below(2e-3);
    });
  });
});
