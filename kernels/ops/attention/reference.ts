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

/** Copies positions [0, n) of a row's sequence out of the cache: [kvHeads, n, headDim]. */
function gatherCached(a: AttentionAttributes, t: number, values: 0 | 1, n: number): tf.Tensor {
  const { kvHeads, headDim, pageSize } = a.cache.shape;
  const out = new Float32Array(kvHeads * n * headDim);
  for (let h = 0; h < kvHeads; h++) {
    for (let position = 0; position < n; position++) {
      const page = a.rows.pages[a.rows.tables[t] + Math.floor(position / pageSize)];
      const vector = a.cache.get(a.layer, values, page * pageSize + (position % pageSize), h);
      out.set(vector, (h * n + position) * headDim);
    }
  }
  return tf.tensor3d(out, [kvHeads, n, headDim]);
}

/**
 * softmax(q · Kᵀ · scale) · V a row at a time over exactly the positions the row may see. Row by row so
 * that a row's result does not depend on which rows stand beside it.
 */
export function attentionReference({ q }: AttentionInputs, attrs: AttentionAttributes): tf.Tensor {
  const { cache, rows, heads, scale, window } = attrs;
  const { kvHeads, headDim } = cache.shape;
  const outputs = Array.from(rows.positions, (position, t) =>
    tf.tidy(() => {
      const n = position + 1;
      const first = window === null ? 0 : Math.max(0, n - window);
      const keys = tf.slice(gatherCached(attrs, t, 0, n), [0, first, 0], [kvHeads, n - first, headDim]);
      const values = tf.slice(gatherCached(attrs, t, 1, n), [0, first, 0], [kvHeads, n - first, headDim]);
      const query = tf.reshape(tf.slice(q, [t, 0], [1, heads * headDim]), [kvHeads, heads / kvHeads, headDim]);
      const weights = tf.softmax(tf.mul(tf.matMul(query, keys, false, true), scale)); // [kvHeads, group, n − first]
      return tf.reshape(tf.matMul(weights, values), [1, heads * headDim]);
    }),
  );
  return tf.concat(outputs, 0);
}
