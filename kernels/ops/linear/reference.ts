import * as tf from '@tensorflow/tfjs-core';

export type LinearInputs = { x: tf.Tensor; weight: tf.Tensor; bias?: tf.Tensor; residual?: tf.Tensor };

/** y[M, N] = x[M, K] · weight[K, N] (+ bias[N]) (+ residual[M, N]). */
export function linearReference({ x, weight, bias, residual }: LinearInputs): tf.Tensor {
  let y: tf.Tensor = tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D);
  if (bias) y = tf.add(y, bias);
  return residual ? tf.add(residual, y) : y;
}
