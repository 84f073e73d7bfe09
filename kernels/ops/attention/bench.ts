import * as tf from '@tensorflow/tfjs-core';
import type { BenchCase } from '../../bench/measure.js';
import { values } from '../../bench/values.js';
import { bf16Bits } from '../linear/bf16.js';
import { type CacheDtype, cacheBytes, KvCache, type RaggedRows } from './cache.js';
import { attentionCost } from './cost.js';
import { attention } from './index.js';

const llama = { heads: 9, kvHeads: 3, headDim: 64 };
const pageSize = 32;

/** `rows` last positions of each of `chains` sequences of `length` cached tokens, which share all pages or none. */
function attentionCase(
  name: string,
  chains: number,
  rows: number,
  length: number,
  dtype: CacheDtype,
  { shape = llama, isShared = false } = {},
): BenchCase {
  const caches = isShared ? 1 : chains;
  const each = Math.ceil(length / pageSize);
  const T = chains * rows;
  const positions = Int32Array.from({ length: T }, (_, t) => length - rows + (t % rows));
  const ragged: RaggedRows = {
    positions,
    slots: new Int32Array(T),
    tables: Int32Array.from({ length: T }, (_, t) => (Math.floor(t / rows) % caches) * each),
    pages: Int32Array.from({ length: caches * each }, (_, page) => page),
  };
  const { heads, headDim } = shape;
  const seen = positions.reduce((sum, position) => sum + position + 1, 0);
  return {
    ...{
      op: name,
      dtype,
      rows: T,
      shape: `${chains} × ${length} cached, ${heads}/${shape.kvHeads} heads of ${headDim}`,
    },
    cost: attentionCost(shape, T, seen, caches * length, cacheBytes[dtype]),
    prepare() {
      const cache = new KvCache({ layers: 1, pages: caches * each, pageSize, dtype, ...shape });
      cache.data.set(dtype === 'f32' ? values(cache.data.length) : values(cache.data.length).map(bf16Bits));
      const q = tf.tensor2d(values(T * heads * headDim, 2), [T, heads * headDim]);
      const attributes = { cache, layer: 0, rows: ragged, heads, scale: 1 / Math.sqrt(headDim), window: null };
      return {
        run: () => attention(q, attributes).dispose(),
        dispose() {
          q.dispose();
          cache.dispose();
        },
      };
    },
  };
}

/** Four query heads on one kv head. */
const grouped = { heads: 4, kvHeads: 1 };
const chainTokens = 3 * pageSize;

/** One token each of so many chains. */
export function chainsCase(chains: number, headDim: number): BenchCase & { readonly scores: number } {
  const bench = attentionCase('attention decode', chains, 1, chainTokens, 'f32', { shape: { ...grouped, headDim } });
  return { ...bench, scores: grouped.heads * chains * chainTokens };
}

export function* attentionCases(): Generator<BenchCase> {
  for (const dtype of ['f32', 'bf16'] as const) {
    yield attentionCase('attention decode', 16, 1, 1024, dtype);
    // The same arithmetic on what the caches hold.
    yield attentionCase('attention of a prefix', 16, 1, 1024, dtype, { isShared: true });
    yield attentionCase('attention decode', 1, 1, 1024, dtype);
    yield attentionCase('attention score', 1, 64, 1024, dtype);
    yield attentionCase('attention prefill', 1, 512, 512, dtype);
  }
}
