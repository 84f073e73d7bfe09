import type * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from '../../tfjs.js';
import { type LinearWeights, linear } from '../linear/index.js';
import { type Activation, type GatedMlpInputs, gatedMlpReference } from './reference.js';

export type { Activation } from './reference.js';

export interface GatedMlpWeights {
  readonly gate: LinearWeights;
  readonly up: LinearWeights;
  readonly down: LinearWeights;
}

const gated = defineKernel<GatedMlpInputs, { activation: Activation }>('AttsGatedMlp', gatedMlpReference);

/**
 * Gated feed-forward block, down(activation(gate(x)) · up(x)) (+ residual) (Shazeer 2020, arXiv 2002.05202).
 * @param x [T, d]
 * @param residual [T, d], added to the output
 * @returns [T, d] float32
 */
export function gatedMlp(
  x: tf.Tensor,
  weights: GatedMlpWeights,
  activation: Activation,
  residual?: tf.Tensor,
): tf.Tensor {
  const hidden = gated({ gate: linear(x, weights.gate), up: linear(x, weights.up) }, { activation }); // [T, f]
  return linear(hidden, weights.down, residual);
}
