import * as tf from '@tensorflow/tfjs-core';
import type { WeightDtype } from '../linear/index.js';
import { linearReference } from '../linear/reference.js';

export type Activation = 'silu' | 'gelu-tanh';
export type GatedMlpInputs = {
  x: tf.Tensor;
  gateUp: tf.Tensor;
  down: tf.Tensor;
  gateUpBias?: tf.Tensor;
  downBias?: tf.Tensor;
  residual?: tf.Tensor;
  norm?: tf.Tensor;
};

export interface GatedMlpAttributes {
  d: number;
  f: number;
  activation: Activation;
  epsilon: number;
  /** Of gate and up. */
  dtype: WeightDtype;
  downDtype: WeightDtype;
}

/** With gateUp[d, 2f] = gate, then up, and down[f, d]. */
export function gatedMlpReference(inputs: GatedMlpInputs, { f, activation, epsilon }: GatedMlpAttributes): tf.Tensor {
  const { x, gateUp, down, gateUpBias, downBias, residual, norm } = inputs;
  const T = x.shape[0] as number;
  const both = linearReference({ x, weight: gateUp, bias: gateUpBias, norm }, { epsilon }); // [T, 2f]
  const gate = tf.slice(both, [0, 0], [T, f]);
  const up = tf.slice(both, [0, f], [T, f]);
  const hidden = tf.mul(activate(gate, activation), up); // [T, f]
  return linearReference({ x: hidden, weight: down, bias: downBias, residual }, { epsilon });
}

/** SiLU, or GELU by its tanh approximation (Hendrycks & Gimpel 2016, arXiv 1606.08415). */
function activate(x: tf.Tensor, activation: Activation): tf.Tensor {
  if (activation === 'silu') return tf.mul(x, tf.sigmoid(x));
  const cubic = tf.add(x, tf.mul(0.044715, tf.mul(x, tf.square(x))));
  return tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(tf.mul(Math.sqrt(2 / Math.PI), cubic))));
}
