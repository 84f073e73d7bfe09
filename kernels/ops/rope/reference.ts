import * as tf from '@tensorflow/tfjs-core';

export type RopeInputs = { x: tf.Tensor; cos: tf.Tensor; sin: tf.Tensor };

/** Rotates the pairs (i, i + headDim/2) of every head of x[T, heads · headDim]; cos, sin: [T, 1, headDim/2]. */
export function ropeReference({ x, cos, sin }: RopeInputs, { headDim }: { headDim: number }): tf.Tensor {
  const T = x.shape[0] as number;
  const half = headDim / 2;
  const heads = tf.reshape(x, [T, -1, headDim]); // [T, heads, headDim]
  const H = heads.shape[1] as number;
  const a = tf.slice(heads, [0, 0, 0], [T, H, half]);
  const b = tf.slice(heads, [0, 0, half], [T, H, half]);
  const rotated = tf.concat([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(b, cos), tf.mul(a, sin))], 2);
  return tf.reshape(rotated, x.shape);
}
