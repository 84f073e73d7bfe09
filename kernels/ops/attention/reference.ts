import * as tf from '@tensorflow/tfjs-core';
import type { KvCache, RaggedRows } from './cache.js';

export type AttentionInputs = { q: tf.Tensor };

export interface AttentionAttributes {
  cache: KvCache;
  layer: number;
  rows: RaggedRows;
  heads: number;
  scale: number;
  /** Sliding window in tokens, the row's own included; null = all. */
  window: number | null;
}

/** Keys or values of the first n positions of a sequence. */
interface Gathered {
  readonly n: number;
  /** [kvHeads, n, headDim] */
  readonly floats: Float32Array;
}

/** Copies them out of the cache for every sequence that has rows in the pass, by where its page table begins. */
function gatherCached(a: AttentionAttributes, values: 0 | 1): Map<number, Gathered> {
  const { kvHeads, headDim, pageSize } = a.cache.shape;
  const lengths = new Map<number, number>();
  for (const [t, table] of a.rows.tables.entries()) {
    lengths.set(table, Math.max(lengths.get(table) ?? 0, a.rows.positions[t] + 1));
  }
  const gather = (table: number, n: number): Gathered => {
    const floats = new Float32Array(kvHeads * n * headDim);
    for (let h = 0; h < kvHeads; h++) {
      for (let position = 0; position < n; position++) {
        const page = a.rows.pages[table + Math.floor(position / pageSize)];
        const vector = a.cache.get(a.layer, values, page * pageSize + (position % pageSize), h);
        floats.set(vector, (h * n + position) * headDim);
      }
    }
    return { n, floats };
  };
  return new Map(Array.from(lengths, ([table, n]) => [table, gather(table, n)]));
}

/** Positions [first, end) of them: [kvHeads, end − first, headDim]. */
function positionsOf({ n, floats }: Gathered, first: number, end: number, headDim: number): tf.Tensor {
  const kvHeads = floats.length / (n * headDim);
  const length = (end - first) * headDim;
  const out = new Float32Array(kvHeads * length);
  for (let h = 0; h < kvHeads; h++) {
    const from = (h * n + first) * headDim;
    out.set(floats.subarray(from, from + length), h * length);
  }
  return tf.tensor3d(out, [kvHeads, end - first, headDim]);
}

/**
 * softmax(q · Kᵀ · scale) · V a row at a time over exactly the positions the row may see. Row by row so
 * that a row's result does not depend on which rows stand beside it.
 */
export function attentionReference({ q }: AttentionInputs, attrs: AttentionAttributes): tf.Tensor {
  const { cache, rows, heads, scale, window } = attrs;
  const { kvHeads, headDim } = cache.shape;
  const [allKeys, allValues] = [gatherCached(attrs, 0), gatherCached(attrs, 1)];
  const outputs = Array.from(rows.positions, (position, t) =>
    tf.tidy(() => {
      const end = position + 1;
      const first = window === null ? 0 : Math.max(0, end - window);
      const seen = (all: Map<number, Gathered>) =>
        positionsOf(all.get(rows.tables[t]) as Gathered, first, end, headDim); // [kvHeads, end − first, headDim]
      const query = tf.reshape(tf.slice(q, [t, 0], [1, heads * headDim]), [kvHeads, heads / kvHeads, headDim]);
      const weights = tf.softmax(tf.mul(tf.matMul(query, seen(allKeys), false, true), scale)); // [kvHeads, group, end − first]
      return tf.reshape(tf.matMul(weights, seen(allValues)), [1, heads * headDim]);
    }),
  );
  return tf.concat(outputs, 0);
}
