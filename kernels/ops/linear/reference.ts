import * as tf from '@tensorflow/tfjs-core';
import { rmsNormReference } from '../rms-norm/reference.js';
import type { WeightDtype } from './index.js';

export type LinearInputs = {
  x: tf.Tensor;
  weight: tf.Tensor;
  bias?: tf.Tensor;
  residual?: tf.Tensor;
  norm?: tf.Tensor;
};

export interface LinearAttributes {
  N: number;
  K: number;
  dtype: WeightDtype;
  epsilon: number;
}

/** y[M, N] = norm(x[M, K]) · weight[K, N] (+ bias[N]) (+ residual[M, N]). */
export function linearReference(
  { x, weight, bias, residual, norm }: LinearInputs,
  { epsilon }: { epsilon: number },
): tf.Tensor {
  const rows = norm ? rmsNormReference({ x, weight: norm }, { epsilon }) : x;
  let y: tf.Tensor = tf.matMul(rows as tf.Tensor2D, weight as tf.Tensor2D);
  if (bias) y = tf.add(y, bias);
  return residual ? tf.add(residual, y) : y;
}
