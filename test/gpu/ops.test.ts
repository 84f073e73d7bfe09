import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { webGpu } from '../../kernels/backends/webgpu/index.js';
import { embedding, packEmbedding } from '../../kernels/ops/embedding/index.js';
import { gatedMlp, packGatedMlp } from '../../kernels/ops/gated-mlp/index.js';
import { gatedMlpReference } from '../../kernels/ops/gated-mlp/reference.js';
import { gpuWeightDtypes, linear, linearSideBySide, packLinear } from '../../kernels/ops/linear/index.js';
import { isQuantised } from '../../kernels/ops/linear/quantise.js';
import { linearReference } from '../../kernels/ops/linear/reference.js';
import { setTuning, tiles } from '../../kernels/ops/linear/webgpu.js';
import { tune } from '../../kernels/ops/linear/webgpu-tune.js';
import { rmsNorm } from '../../kernels/ops/rms-norm/index.js';
import { rope, rotation } from '../../kernels/ops/rope/index.js';
import { argmax, sample } from '../../kernels/ops/sample/index.js';
import { takeRows } from '../../kernels/ops/take-rows/index.js';
import { logits, packHead, tokenLogProb } from '../../kernels/ops/token-log-prob/index.js';
import { linearOnce, values } from '../kernels/backend.js';
import { on, onBoth, relativeError } from './on-both.js';

const matrix = (M: number, N: number, seed: number) => tf.tensor2d(values(M * N, seed), [M, N]);

describe('WGSL kernels against their references', () => {
  // Whatever this adapter is best at: both programs, and tiles of every size.
  before(async () => {
    await chooseBackend('webgpu');
    setTuning({ mostFewRows: 8, tile: 2 });
  });

  for (const dtype of gpuWeightDtypes) {
    describe(`${dtype} weights`, () => {
      // One row, odd features, k that fills no group: both programs, matrix-vector and matrix-matrix.
      for (const [M, N, K] of [
        [1, 71, 100],
        [1, 32, 1100],
        [20, 71, 100],
      ]) {
        it(`linear of ${M} rows, ${K} → ${N}`, async () => {
          const { gpu, reference } = await onBoth(() =>
            linearOnce(values(M * K, 1), values(N * K, 2), [M, N, K], { dtype }),
          );
          // The reference rounds no activations.
          const bound = isQuantised(dtype) ? 3e-5 : dtype === 'f16' && webGpu().f16 ? 1e-3 : 1e-5;
          expect(relativeError(gpu, reference)).to.be.below(bound);
        });
      }

      it('embedding', async () => {
        const { gpu, reference } = await onBoth(() => {
          const table = packEmbedding(values(70 * 100, 2), 70, 100, { dtype });
          const rows = embedding(table, Int32Array.of(69, 0, 37, 69), 3);
          table.dispose();
          return rows;
        });
        expect(relativeError(gpu, reference)).to.be.below(1e-6);
      });
    });
  }

  for (const M of [3, 70]) {
    it(`linear of ${M} rows with norm, bias and residual`, async () => {
      const [N, K] = [50, 68];
      const { gpu, reference } = await onBoth(() => {
        const norm = { weight: tf.tensor1d(values(K, 4)), epsilon: 1e-5 };
        const options = { bias: values(N, 3), norm, residual: matrix(M, N, 5) };
        return linearOnce(values(M * K, 1), values(N * K, 2), [M, N, K], options);
      });
      expect(relativeError(gpu, reference)).to.be.below(1e-5);
    });
  }

  for (const dtype of ['f32', 'f16', 'q4'] as const) {
    it(`gives a row of ${dtype} the same bits in any batch, at any tile`, async () => {
      const [N, K, most] = [80, 1120, 40];
      const x = values(most * K, 5);
      const rows = (M: number) =>
        on('webgpu', () => {
          const norm = { weight: tf.tensor1d(values(K, 4)), epsilon: 1e-5 };
          return linearOnce(x.slice(0, M * K), values(N * K, 6), [M, N, K], { dtype, norm });
        });
      const all = await rows(most);
      for (const M of [1, 2, 5, 9]) {
        expect([...(await rows(M))], `${M} rows`).to.deep.equal([...all.slice(0, M * N)]);
      }
      for (const tile of tiles.keys()) {
        setTuning({ mostFewRows: 8, tile });
        expect([...(await rows(most))], `tile ${tile}`).to.deep.equal([...all]);
      }
    });
  }

  it('measures which program and tile are best here', async () => {
    await chooseBackend('webgpu');
    const { mostFewRows, tile } = await tune();
    expect(mostFewRows).to.be.within(1, 16);
    expect(tiles).to.have.property(String(tile));
  });

  for (const [M, activation, bias] of [
    [2, 'silu', false],
    [18, 'gelu-tanh', true],
  ] as const) {
    it(`gatedMlp of ${M} rows by ${activation}${bias ? ', with biases' : ''}`, async () => {
      const [d, f] = [36, 54];
      const { gpu, reference } = await onBoth(() => {
        const weights = packGatedMlp({
          ...{ d, f, gate: values(f * d, 2), up: values(f * d, 3), down: values(d * f, 4) },
          ...(bias ? { gateBias: values(f, 6), upBias: values(f, 7), downBias: values(d, 8) } : {}),
        });
        const x = tf.mul(matrix(M, d, 1), 4);
        const norm = { weight: tf.tensor1d(values(d, 5)), epsilon: 1e-6 };
        const y = gatedMlp(x as tf.Tensor2D, weights, activation, { residual: x, norm });
        weights.dispose();
        return y;
      });
      expect(relativeError(gpu, reference)).to.be.below(1e-5);
    });
  }

  it('tokenLogProb of few and of many rows, with the same bits', async () => {
    const [T, V, d] = [40, 300, 40];
    const hidden = values(T * d, 1).map((v) => 20 * v);
    const ids = Int32Array.from({ length: T }, (_, t) => (t * 37 + 299) % V);
    const run = (rows: number) => () => {
      const head = packHead(values(V * d, 2), V, d);
      const found = tokenLogProb(tf.tensor2d(hidden.slice(0, rows * d), [rows, d]), head, ids.slice(0, rows));
      head.dispose();
      return found;
    };
    const { gpu, reference } = await onBoth(run(T));
    expect(relativeError(gpu, reference)).to.be.below(1e-5);
    expect([...(await on('webgpu', run(1)))]).to.deep.equal([gpu[0]]);
  });

  it('logits', async () => {
    const { gpu, reference } = await onBoth(() => {
      const head = packHead(values(70 * 32, 2), 70, 32);
      const all = logits(matrix(1, 32, 1), head);
      head.dispose();
      return all;
    });
    expect(relativeError(gpu, reference)).to.be.below(1e-5);
  });

  it('rmsNorm by groups', async () => {
    const { gpu, reference } = await onBoth(() => rmsNorm(matrix(3, 240, 1), tf.tensor1d(values(80, 2)), 1e-6));
    expect(relativeError(gpu, reference)).to.be.below(1e-5);
  });

  it('rope', async () => {
    const { gpu, reference } = await onBoth(() => {
      const angles = rotation(Int32Array.of(0, 7, 300), Float64Array.of(1, 0.1, 0.01, 0.001));
      const y = rope(matrix(3, 24, 1), angles);
      angles.dispose();
      return y;
    });
    expect(relativeError(gpu, reference)).to.be.below(1e-5);
  });

  it('takeRows', async () => {
    const { gpu, reference } = await onBoth(() => takeRows(matrix(5, 70, 1), Int32Array.of(4, 0, 4)));
    expect([...gpu]).to.deep.equal([...reference]);
  });

  it('argmax takes the first of equal largest logits', async () => {
    const row = values(1000, 3).map((v, i) => (i === 700 || i === 300 ? 5 : v));
    expect([
      ...(await on('webgpu', () => argmax(tf.tensor2d([...row, ...row.map((v) => -v)], [2, 1000])))),
    ]).to.deep.equal([300, [...row].indexOf(Math.min(...row))]);
  });

  it('sample draws what the reference draws, by temperature, top-p and uniform number', async () => {
    const [R, V] = [60, 400];
    const attributes = {
      temperatures: Float32Array.from({ length: R }, (_, r) => (r % 7 === 0 ? 0 : 0.3 + (r % 5) / 4)),
      topPs: Float32Array.from({ length: R }, (_, r) => [1, 0.9, 0.5, 0.01][r % 4]),
      uniforms: Float64Array.from({ length: R }, (_, r) => Math.floor(((r * 0.618034) % 1) * 2 ** 24) / 2 ** 24),
    };
    const { gpu, reference } = await onBoth(() => sample(tf.mul(matrix(R, V, 3), 4), attributes));
    expect([...gpu]).to.deep.equal([...reference]);
  });

  it('sample never leaves the vocabulary at the largest uniform number', async () => {
    const uniforms = Float64Array.of(0, 1 - 2 ** -24);
    const attributes = { temperatures: Float32Array.of(1, 1), topPs: Float32Array.of(1, 1), uniforms };
    const ids = await on('webgpu', () => sample(tf.tensor2d([0, 0, 0, 0, 0, 0], [2, 3]), attributes));
    expect([...ids]).to.deep.equal([0, 2]);
  });

  it('stock ops take what ours made, and ours what they made, in one pass', async () => {
    const { gpu, reference } = await onBoth(() => {
      const [M, N] = [3, 23];
      const layers = [1, 2].map((seed) => packLinear(values(N * N, seed), N, N));
      const gain = tf.tensor1d(values(N, 4));
      const x = matrix(M, N, 3);
      const y = tf.add(x, rmsNorm(linear(x, layers[0]), gain, 1e-6));
      const both = linearSideBySide(y, layers, { weight: gain, epsilon: 1e-6 });
      for (const layer of layers) layer.dispose();
      return tf.slice(both, [1, 5], [2, 30]);
    });
    expect(relativeError(gpu, reference)).to.be.below(1e-5);
  });

  it('stock ops share the device: the references themselves run on it', async () => {
    const [M, d, f] = [3, 8, 12];
    const linearInputs = () => ({ x: matrix(M, d, 1), weight: matrix(d, f, 2), norm: tf.tensor1d(values(d, 3)) });
    const first = await onBoth(() => linearReference(linearInputs(), { epsilon: 1e-5 }));
    expect(relativeError(first.gpu, first.reference)).to.be.below(1e-5);
    const second = await onBoth(() => {
      const inputs = { x: matrix(M, d, 1), gateUp: matrix(d, 2 * f, 2), down: matrix(f, d, 3) };
      const attributes = {
        d,
        f,
        activation: 'silu' as const,
        epsilon: 0,
        dtype: 'f32' as const,
        downDtype: 'f32' as const,
      };
      return gatedMlpReference(inputs, attributes);
    });
    expect(relativeError(second.gpu, second.reference)).to.be.below(1e-5);
  });
});
