import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { attention, KvCache, type RaggedRows } from '../../kernels/ops/attention/index.js';
import { ropeAppend, rotation } from '../../kernels/ops/rope/index.js';
import { readAll } from '../../kernels/tfjs.js';
import { AttsError } from '../../src/errors.js';
import { values } from '../kernels/backend.js';
import { ragged } from '../kernels/ragged.js';
import { type AttentionCase, runAttention } from './attention-passes.js';
import { relativeError } from './on-both.js';

const range = (n: number, first = 0) => Array.from({ length: n }, (_, i) => first + i);

describe('attention in WGSL over the paged cache', () => {
  for (const shape of [
    { heads: 3, kvHeads: 1, headDim: 32, pageSize: 4, window: null },
    { heads: 4, kvHeads: 4, headDim: 64, pageSize: 32, window: 5, norms: true },
    { heads: 6, kvHeads: 2, headDim: 12, pageSize: 4, window: 40 },
    { heads: 8, kvHeads: 1, headDim: 256, pageSize: 16, window: null },
    { heads: 4, kvHeads: 2, headDim: 12, pageSize: 4, window: null, dtype: 'bf16', isStill: true },
    { heads: 1, kvHeads: 1, headDim: 132, pageSize: 16, window: 5, dtype: 'bf16', isStill: true },
  ] satisfies AttentionCase[]) {
    it(`equals the reference: ${JSON.stringify(shape)}`, async () => {
      const passes = [
        [
          { pages: range(18, 1), from: 0, to: 61 },
          { pages: [30, 0, 33], from: 0, to: 1 },
        ],
        [
          { pages: [30, 0, 33], from: 1, to: 9 },
          { pages: range(18, 1), from: 61, to: 62 },
        ],
      ];
      const [gpu, reference] = [await runAttention('webgpu', shape, passes), await runAttention('cpu', shape, passes)];
      for (const [i, expected] of reference.entries()) expect(relativeError(gpu[i], expected)).to.be.below(1e-5);
    });
  }

  it('keeps keys and values as bfloat16 like the CPU, turned and normed, but where a last bit tips the rounding', async () => {
    const shape: AttentionCase = { heads: 4, kvHeads: 2, headDim: 64, pageSize: 4, window: null, norms: true };
    const passes = [[{ pages: range(8, 1), from: 0, to: 30 }]];
    const [gpu] = await runAttention('webgpu', { ...shape, dtype: 'bf16' }, passes);
    const [reference] = await runAttention('cpu', { ...shape, dtype: 'bf16' }, passes);
    const [exact] = await runAttention('cpu', shape, passes);
    expect(relativeError(gpu, reference)).to.be.below(relativeError(exact, reference) / 4);
  });

  it('gives a row the same bits alone, in pieces, beside others, and where splits go to several workgroups', async () => {
    const shape = { heads: 4, kvHeads: 2, headDim: 12, pageSize: 32, window: null };
    const pages = range(20, 5);
    const n = 530; // three splits, the last of them begun
    const [whole] = await runAttention('webgpu', shape, [[{ pages, from: 0, to: n }]]);
    const pieces = await runAttention('webgpu', shape, [
      [{ pages, from: 0, to: 257 }],
      [
        { pages, from: 257, to: n - 1 },
        { pages: [0], from: 0, to: 3 },
      ],
      [
        { pages: [0], from: 3, to: 4 },
        { pages, from: n - 1, to: n },
      ],
    ]);
    const width = shape.heads * shape.headDim;
    const found = [pieces[0], pieces[1].slice(0, (n - 258) * width), pieces[2].slice(width)];
    expect([...found.flatMap((part) => [...part])]).to.deep.equal([...whole]);
    const [reference] = (await runAttention('cpu', shape, [[{ pages, from: 0, to: n }]])).slice(-1);
    expect(relativeError(whole, reference)).to.be.below(1e-5);
  });

  it('says in one line that a cache is larger than a buffer of the device', async () => {
    await chooseBackend('webgpu');
    const shape = { layers: 1, pages: 2 ** 24, pageSize: 32, kvHeads: 8, headDim: 128, dtype: 'f32' as const };
    expect(() => new KvCache(shape)).to.throw(
      AttsError,
      /^a layer of the KV cache takes \d+ MiB and a buffer of this GPU/,
    );
  });

  it('copies a page over all layers', async () => {
    await chooseBackend('webgpu');
    const shape = { heads: 2, kvHeads: 1, headDim: 12, pageSize: 4, window: null };
    const cache = new KvCache({ layers: 2, pages: 4, dtype: 'f32', ...shape });
    const attend = async (rows: RaggedRows, append: boolean) => {
      const T = rows.positions.length;
      const out = tf.tidy(() => {
        const angles = rotation(rows.positions, new Float64Array(6));
        const qkv = tf.tensor2d(values(T * 48, 3), [T, 48]);
        const attributes = { cache, layer: 1, rows, heads: 2 };
        const q = append ? ropeAppend(qkv, { ...attributes, angles, epsilon: 0 }) : tf.slice(qkv, [0, 0], [T, 24]);
        return attention(q, { ...attributes, scale: 1, window: null });
      });
      const [found] = await readAll([out]);
      out.dispose();
      return [...found];
    };
    const before = await attend(ragged([{ pages: [2], from: 0, to: 4 }], 4), true);
    cache.copyPage(2, 1, 3);
    const after = await attend(ragged([{ pages: [1], from: 0, to: 3 }], 4), false);
    cache.dispose();
    expect(after).to.deep.equal(before.slice(0, 3 * 24));
  });
});
