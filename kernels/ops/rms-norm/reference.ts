import * as tf from '@tensorflow/tfjs-core';

export type RmsNormInputs = { x: tf.Tensor; weight: tf.Tensor };

/** weight · x / √(mean(x²) + ε) over the last dimension, which `weight` divides into groups of its own length. */
export function rmsNormReference({ x, weight }: RmsNormInputs, { epsilon }: { epsilon: number }): tf.Tensor {
  const width = weight.shape[0] as number;
  const groups = tf.reshape(x, [-1, width]);
  const meanSquare = tf.mean(tf.square(groups), -1, true);
  const normed = tf.mul(tf.mul(groups, tf.rsqrt(tf.add(meanSquare, epsilon))), weight);
  return tf.reshape(normed, x.shape);
}
