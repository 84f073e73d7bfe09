import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { attention, type CacheDtype, KvCache, type RaggedRows } from '../../kernels/ops/attention/index.js';
import { roundToBf16 } from '../../kernels/ops/linear/bf16.js';
import { ropeAppend, rotation } from '../../kernels/ops/rope/index.js';
import { toFloat32 } from '../../kernels/tfjs.js';
import { backends, largestDifference, on, values } from './backend.js';
import { ragged } from './ragged.js';

interface Shape {
  heads: number;
  kvHeads: number;
  headDim: number;
  window: number | null;
}

function run(shape: Shape, cache: KvCache, rows: RaggedRows, q: Float32Array, k: Float32Array, v: Float32Array) {
  return tf.tidy(() => {
    const T = rows.positions.length;
    const attributes = { cache, layer: 0, rows, heads: shape.heads };
    // Frequencies of 0 turn nothing.
    const angles = rotation(rows.positions, new Float64Array(shape.headDim / 2));
    const qkv = tf.concat(
      [q, k, v].map((part) => tf.tensor2d(part, [T, part.length / T])),
      1,
    );
    const query = ropeAppend(qkv, { ...attributes, angles, epsilon: 0 });
    return toFloat32(attention(query, { ...attributes, scale: 0.3, window: shape.window })).slice();
  });
}

/** Attention of one whole sequence, in double precision from its definition. */
function definition(shape: Shape, n: number, q: Float32Array, k: Float32Array, v: Float32Array): Float32Array {
  const { heads, kvHeads, headDim, window } = shape;
  const out = new Float32Array(n * heads * headDim);
  for (let t = 0; t < n; t++) {
    for (let h = 0; h < heads; h++) {
      const g = Math.floor(h / (heads / kvHeads));
      const first = window === null ? 0 : Math.max(0, t + 1 - window);
      const scores: number[] = [];
      for (let p = first; p <= t; p++) {
        let dot = 0;
        for (let d = 0; d < headDim; d++) dot += q[(t * heads + h) * headDim + d] * k[(p * kvHeads + g) * headDim + d];
        scores.push(Math.exp(dot * 0.3));
      }
      const sum = scores.reduce((a, b) => a + b, 0);
      for (let d = 0; d < headDim; d++) {
        let value = 0;
        for (let p = first; p <= t; p++) value += (scores[p - first] / sum) * v[(p * kvHeads + g) * headDim + d];
        out[(t * heads + h) * headDim + d] = value;
      }
    }
  }
  return out;
}

const cacheOf = ({ kvHeads, headDim }: Shape, dtype: CacheDtype, pageSize = 4) =>
  new KvCache({ layers: 1, pages: 64, pageSize, kvHeads, headDim, dtype });
const dtypes = ['f32', 'bf16'] as const;
const shapes: Shape[] = [
  { heads: 3, kvHeads: 1, headDim: 32, window: null },
  { heads: 4, kvHeads: 2, headDim: 32, window: null },
  { heads: 4, kvHeads: 4, headDim: 64, window: 5 },
  { heads: 2, kvHeads: 1, headDim: 12, window: null },
  { heads: 8, kvHeads: 2, headDim: 80, window: 3 },
];

for (const backend of backends) {
  describe(`attention on ${backend}`, () => {
    for (const [shape, dtype] of shapes.flatMap((shape) => dtypes.map((dtype) => [shape, dtype] as const))) {
      it(`equals its definition, ${dtype} cache: ${JSON.stringify(shape)}`, () =>
        on(backend, () => {
          const kept = (x: Float32Array) => (dtype === 'bf16' ? x.map(roundToBf16) : x);
          for (const { pageSize, n } of [
            { pageSize: 4, n: 11 },
            { pageSize: 32, n: 85 },
          ]) {
            const q = values(n * shape.heads * shape.headDim, 1);
            const k = values(n * shape.kvHeads * shape.headDim, 2);
            const v = values(n * shape.kvHeads * shape.headDim, 3);
            const rows = ragged([{ pages: [7, 0, 3], from: 0, to: n }], pageSize);
            const out = run(shape, cacheOf(shape, dtype, pageSize), rows, q, k, v);
            expect(largestDifference(out, definition(shape, n, q, kept(k), kept(v)))).to.be.below(3e-6);
          }
        }));
    }

    it('gives rows that follow each other the bits that each has alone', () =>
      on(backend, () => {
        const [n, pageSize, pages] = [44, 8, [7, 0, 3, 9, 1, 5]];
        for (const shape of shapes) {
          for (const dtype of dtypes) {
            const widths = [shape.heads, shape.kvHeads, shape.kvHeads].map((heads) => heads * shape.headDim);
            const parts = widths.map((width, i) => values(n * width, i + 1));
            const rowsOf = (from: number, to: number) => {
              const [q, k, v] = parts.map((part, i) => part.subarray(from * widths[i], to * widths[i]));
              return [...run(shape, cache, ragged([{ pages, from, to }], pageSize), q, k, v)];
            };
            const cache = cacheOf(shape, dtype, pageSize);
            const all = rowsOf(0, n);
            for (const t of [0, 6, 17, 30, 43]) {
              const alone = rowsOf(t, t + 1);
              expect(alone, `row ${t} of ${JSON.stringify(shape)}`).to.deep.equal(
                all.slice(t * widths[0], (t + 1) * widths[0]),
              );
            }
          }
        }
      }));

    it('gives a row the same bits alone, in pieces and beside other sequences', () =>
      on(backend, () => {
        const shape = shapes[1];
        const width = { q: shape.heads * shape.headDim, kv: shape.kvHeads * shape.headDim };
        fc.assert(
          fc.property(
            fc.integer({ min: 1, max: 14 }),
            fc.integer({ min: 1, max: 14 }),
            fc.integer({ min: 0, max: 1000 }),
            fc.constantFrom(...dtypes),
            (n, other, seed, dtype) => {
              const q = values(n * width.q, seed);
              const k = values(n * width.kv, seed + 1);
              const v = values(n * width.kv, seed + 2);
              const whole = run(
                shape,
                cacheOf(shape, dtype),
                ragged([{ pages: [1, 2, 3, 4], from: 0, to: n }], 4),
                q,
                k,
                v,
              );
              const pieces = cacheOf(shape, dtype);
              for (let t = 0; t < n; t++) {
                const rows = ragged(
                  [
                    { pages: [9, 5, 30, 11], from: t, to: t + 1 },
                    { pages: [20, 21, 22, 23], from: 0, to: other },
                  ],
                  4,
                );
                const beside = (x: Float32Array, w: number, s: number) =>
                  Float32Array.from([...x.subarray(t * w, (t + 1) * w), ...values(other * w, s)]);
                const out = run(
                  shape,
                  pieces,
                  rows,
                  beside(q, width.q, 5),
                  beside(k, width.kv, 6),
                  beside(v, width.kv, 7),
                );
                expect([...out.subarray(0, width.q)]).to.deep.equal([
                  ...whole.subarray(t * width.q, (t + 1) * width.q),
                ]);
              }
            },
          ),
          { numRuns: backend === 'wasm' ? 40 : 5 },
        );
      }));
  });
}
