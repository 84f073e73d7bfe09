import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { gatedMlp, packGatedMlp } from '../../kernels/ops/gated-mlp/index.js';
import { weightDtypes } from '../../kernels/ops/linear/index.js';
import { packHead, tokenLogProb } from '../../kernels/ops/token-log-prob/index.js';
import { linearOnce, normal } from '../kernels/backend.js';
import { on, relativeError } from './on-both.js';

/** Activations as models have them, and with a few that are a hundred times the others. */
const activations = {
  normal: (n: number) => normal(n, 1),
  'a few large': (n: number) => normal(n, 2).map((v, k) => (k % 97 === 5 ? 100 * v : v)),
} as const;

describe('WGSL products equal those of the CPU kernels within 1e-5', () => {
  before(async () => {
    await chooseBackend('webgpu');
  });

  for (const dtype of weightDtypes) {
    for (const [which, make] of Object.entries(activations)) {
      it(`${dtype}, on activations that are ${which}`, async () => {
        // One row and many, odd features, k that fills no group or no quad.
        for (const [M, N, K] of [
          [1, 71, 2048],
          [20, 40, 2048],
          [1, 33, 1099],
          [3, 8, 4],
        ]) {
          const body = () => linearOnce(make(M * K), normal(N * K, 2), [M, N, K], { dtype });
          const [gpu, simd] = [await on('webgpu', body), await on('simd', body)];
          expect(relativeError(gpu, simd), `${M} rows, ${K} → ${N}`).to.be.below(1e-5);
        }
      });
    }
  }

  it('quantised, where rows are normed, gated, or asked for tokens', async () => {
    const [M, d, f] = [3, 256, 400];
    const x = () => tf.tensor2d(normal(M * d, 1), [M, d]);
    const norm = () => ({ weight: tf.tensor1d(normal(d, 5)), epsilon: 1e-6 });
    const bodies = {
      linear: () => linearOnce(normal(M * d, 1), normal(f * d, 2), [M, f, d], { dtype: 'q8', norm: norm() }),
      gatedMlp() {
        const weights = packGatedMlp(
          { d, f, gate: normal(f * d, 2), up: normal(f * d, 3), down: normal(d * f, 4) },
          { gateUp: 'q8', down: 'q4' },
        );
        const y = gatedMlp(x(), weights, 'silu', { norm: norm() });
        weights.dispose();
        return y;
      },
      tokenLogProb() {
        const head = packHead(normal(900 * d, 2), 900, d, { dtype: 'q8' });
        const y = tokenLogProb(x(), head, Int32Array.of(7, 0, 899));
        head.dispose();
        return y;
      },
    };
    for (const [op, body] of Object.entries(bodies)) {
      expect(relativeError(await on('webgpu', body), await on('simd', body)), op).to.be.below(1e-5);
    }
  });
});
