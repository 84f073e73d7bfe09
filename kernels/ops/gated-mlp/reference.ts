import * as tf from '@tensorflow/tfjs-core';

export type Activation = 'silu' | 'gelu-tanh';
export type GatedMlpInputs = { gate: tf.Tensor; up: tf.Tensor };

/** activation(gate) · up; GELU by its tanh approximation (Hendrycks & Gimpel 2016, arXiv 1606.08415). */
export function gatedMlpReference({ gate, up }: GatedMlpInputs, { activation }: { activation: Activation }): tf.Tensor {
  if (activation === 'silu') return tf.mul(tf.mul(gate, tf.sigmoid(gate)), up);
  const cubic = tf.add(gate, tf.mul(0.044715, tf.mul(gate, tf.square(gate))));
  const tanh = tf.tanh(tf.mul(Math.sqrt(2 / Math.PI), cubic));
  return tf.mul(tf.mul(tf.mul(0.5, gate), tf.add(1, tanh)), up);
}
