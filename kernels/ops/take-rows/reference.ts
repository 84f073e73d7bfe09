import * as tf from '@tensorflow/tfjs-core';

export interface TakeRowsAttributes {
  /** Each in [0, T). */
  rows: Int32Array;
}

/** Rows of x[T, d] by their numbers. */
export function takeRowsReference({ x }: { x: tf.Tensor }, { rows }: TakeRowsAttributes): tf.Tensor {
  return tf.gather(x, tf.tensor1d(rows, 'int32'));
}
