import * as tf from '@tensorflow/tfjs-core';
import type { WeightDtype } from '../linear/index.js';

export interface EmbeddingAttributes {
  ids: Int32Array;
  scale: number;
  d: number;
  dtype: WeightDtype;
}

/** Rows `ids` of table[V, d], times `scale`. */
export function embeddingReference({ table }: { table: tf.Tensor }, { ids, scale }: EmbeddingAttributes): tf.Tensor {
  const rows = tf.gather(table, tf.tensor1d(ids, 'int32'));
  return scale === 1 ? rows : tf.mul(rows, scale);
}
