import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { embedding, packEmbedding } from '../../kernels/ops/embedding/index.js';
import { gatedMlp, packGatedMlp } from '../../kernels/ops/gated-mlp/index.js';
import { linear, packLinear } from '../../kernels/ops/linear/index.js';
import { rmsNorm } from '../../kernels/ops/rms-norm/index.js';
import { rope, rotation } from '../../kernels/ops/rope/index.js';
import { argmax, sample } from '../../kernels/ops/sample/index.js';
import { takeRows } from '../../kernels/ops/take-rows/index.js';
import { logits, packHead, tokenLogProb } from '../../kernels/ops/token-log-prob/index.js';
import { toFloat32 } from '../../kernels/tfjs.js';
import { backends, keepsBits, largestDifference, linearOnce, on, product, values } from './backend.js';

for (const backend of backends) {
  describe(`ops on ${backend}`, () => {
    it('linear is x · Wᵀ + bias + residual', () =>
      on(backend, () =>
        tf.tidy(() => {
          const [M, N, K] = [5, 7, 33];
          const [x, w, b, r] = [values(M * K, 1), values(N * K, 2), values(N, 3), values(M * N, 4)];
          const y = toFloat32(linearOnce(x, w, [M, N, K], { bias: b, residual: tf.tensor2d(r, [M, N]) }));
          const expected = product(x, w, M, N, K).map((value, i) => value + b[i % N] + r[i]);
          expect(largestDifference(y, expected)).to.be.below(1e-5);
        }),
      ));

    (keepsBits(backend) ? it : it.skip)('linear gives a row the same bits whatever the number of rows', () =>
      on(backend, () => {
        const [N, K] = [96, 128];
        const weights = packLinear(values(N * K, 2), N, K);
        fc.assert(
          fc.property(fc.integer({ min: 2, max: 70 }), fc.nat(), (M, seed) =>
            tf.tidy(() => {
              const x = values(M * K, seed % 997);
              const all = toFloat32(linear(tf.tensor2d(x, [M, K]), weights));
              const m = seed % M;
              const alone = toFloat32(linear(tf.tensor2d(x.slice(m * K, (m + 1) * K), [1, K]), weights));
              expect([...alone]).to.deep.equal([...all.slice(m * N, (m + 1) * N)]);
            }),
          ),
          { numRuns: 25 },
        );
        weights.dispose();
      }),
    );

    it('embedding picks and scales rows', () =>
      on(backend, () =>
        tf.tidy(() => {
          const table = packEmbedding(values(6 * 4), 6, 4);
          const rows = toFloat32(embedding(table, Int32Array.of(5, 0, 5), 2));
          expect([...rows.slice(0, 4)]).to.deep.equal([
            ...values(24)
              .slice(20)
              .map((v) => 2 * v),
          ]);
          expect([...rows.slice(8)]).to.deep.equal([...rows.slice(0, 4)]);
          table.dispose();
        }),
      ));

    it('takeRows copies rows in the asked order', () =>
      on(backend, () =>
        tf.tidy(() => {
          const rows = toFloat32(takeRows(tf.tensor2d(values(12), [4, 3]), Int32Array.of(3, 0, 3)));
          const [first, last] = [values(12).slice(0, 3), values(12).slice(9)];
          expect([...rows]).to.deep.equal([...last, ...first, ...last]);
        }),
      ));

    it('rmsNorm normalises every group by its own root mean square', () =>
      on(backend, () =>
        tf.tidy(() => {
          const x = values(3 * 12);
          const w = values(4, 9);
          const y = toFloat32(rmsNorm(tf.tensor2d(x, [3, 12]), tf.tensor1d(w), 1e-6));
          const expected = x.map((value, i) => {
            const group = x.subarray(i - (i % 4), i - (i % 4) + 4);
            const meanSquare = group.reduce((sum, v) => sum + v * v, 0) / 4;
            return (value / Math.sqrt(meanSquare + 1e-6)) * w[i % 4];
          });
          expect(largestDifference(y, expected)).to.be.below(1e-5);
        }),
      ));

    it('rope turns each pair by position · frequency and keeps its length', () =>
      on(backend, () =>
        tf.tidy(() => {
          const x = values(2 * 8);
          const angles = rotation(Int32Array.of(0, 7), Float64Array.of(1, 0.1));
          const y = toFloat32(rope(tf.tensor2d(x, [2, 8]), angles));
          expect(largestDifference(y.slice(0, 8), x.slice(0, 8))).to.equal(0);
          const [a, b] = [x[8 + 4], x[8 + 6]]; // second head's first pair
          expect(y[8 + 4]).to.be.closeTo(a * Math.cos(7) - b * Math.sin(7), 1e-6);
          expect(y[8 + 6]).to.be.closeTo(b * Math.cos(7) + a * Math.sin(7), 1e-6);
          angles.dispose();
        }),
      ));

    for (const activation of ['silu', 'gelu-tanh'] as const) {
      it(`gatedMlp is down(${activation}(gate) · up) + residual`, () =>
        on(backend, () =>
          tf.tidy(() => {
            const [T, d, f] = [3, 4, 6];
            const x = values(T * d, 1);
            const [g, u, w] = [values(f * d, 2), values(f * d, 3), values(d * f, 4)];
            const weights = packGatedMlp({ d, f, gate: g, up: u, down: w });
            const input = tf.tensor2d(x, [T, d]);
            const y = toFloat32(gatedMlp(input, weights, activation, { residual: input }));
            const act = (z: number) =>
              activation === 'silu'
                ? z / (1 + Math.exp(-z))
                : 0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3)));
            const up = product(x, u, T, f, d);
            const hidden = product(x, g, T, f, d).map((z, i) => act(z) * up[i]);
            const expected = product(hidden, w, T, d, f).map((value, i) => value + x[i]);
            expect(largestDifference(y, expected)).to.be.below(1e-5);
            weights.dispose();
          }),
        ));
    }

    it('tokenLogProb is the log-softmax of the logits at the asked tokens, whatever the tile', () =>
      on(backend, () =>
        tf.tidy(() => {
          const [T, d, V] = [5, 8, 37];
          const [hidden, w] = [values(T * d, 1).map((v) => 20 * v), values(V * d, 2)];
          const ids = Int32Array.of(0, 36, 9, 10, 20);
          const all = product(hidden, w, T, V, d);
          const expected = Array.from(ids, (id, t) => {
            const row = [...all.subarray(t * V, (t + 1) * V)];
            const max = Math.max(...row);
            return row[id] - max - Math.log(row.reduce((sum, v) => sum + Math.exp(v - max), 0));
          });
          for (const tile of [1, 10, 37, 64]) {
            const head = packHead(w, V, d, { tileRows: tile });
            const x = tf.tensor2d(hidden, [T, d]);
            expect(largestDifference(toFloat32(tokenLogProb(x, head, ids)), expected)).to.be.below(1e-4);
            expect(largestDifference(toFloat32(logits(x, head)), all)).to.be.below(1e-4);
            head.dispose();
          }
        }),
      ));

    it('argmax takes the first of equal largest logits', () =>
      on(backend, () =>
        tf.tidy(() => {
          expect([...argmax(tf.tensor2d([1, 3, 3, 0, 0, 0, 0, 0], [2, 4])).dataSync()]).to.deep.equal([1, 0]);
        }),
      ));

    it('sample inverts the distribution: n equal steps of the uniform give every token its share', () =>
      on(backend, () =>
        tf.tidy(() => {
          const p = [0.1, 0.4, 0.2, 0.3];
          const n = 1000;
          const row = p.map((x) => Math.log(x) * 2);
          const ids = sample(tf.tensor2d(Array.from({ length: n }, () => row)), {
            temperatures: new Float32Array(n).fill(2),
            topPs: new Float32Array(n).fill(1),
            uniforms: Float64Array.from({ length: n }, (_, i) => (i + 0.5) / n),
          }).dataSync();
          for (const [id, share] of p.entries()) {
            expect([...ids].filter((x) => x === id).length / n).to.be.closeTo(share, 0.0021);
          }
          expect([...ids]).to.deep.equal(
            [...ids].sort((a, b) => a - b),
            'ids rise with the uniform number',
          );
        }),
      ));

    it('sample by top-p draws from the smallest set whose mass reaches it, and greedily at temperature 0', () =>
      on(backend, () =>
        tf.tidy(() => {
          const n = 100;
          const row = [0.1, 0.4, 0.2, 0.3].map(Math.log);
          const draw = (topP: number, temperature: number) =>
            new Set(
              sample(tf.tensor2d(Array.from({ length: n }, () => row)), {
                temperatures: Float32Array.from({ length: n }, (_, i) => (i === 0 ? 1 : temperature)),
                topPs: new Float32Array(n).fill(topP),
                uniforms: Float64Array.from({ length: n }, (_, i) => (i + 0.5) / n),
              }).dataSync(),
            );
          expect([...draw(0.69, 1)]).to.have.members([1, 3]);
          expect([...draw(0.71, 1)]).to.have.members([1, 2, 3]);
          expect([...draw(0.35, 1)]).to.have.members([1]);
          expect([...draw(0.35, 0)]).to.have.members([1]);
        }),
      ));

    it('sample never leaves the vocabulary at the largest uniform number', () =>
      on(backend, () =>
        tf.tidy(() => {
          const uniforms = Float64Array.of(0, 1 - 2 ** -24);
          const attributes = { temperatures: Float32Array.of(1, 1), topPs: Float32Array.of(1, 1), uniforms };
          const ids = sample(tf.tensor2d([0, 0, 0, 0, 0, 0], [2, 3]), attributes).dataSync();
          expect([...ids]).to.deep.equal([0, 2]);
        }),
      ));
  });
}
