import * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from '../../tfjs.js';
import { type LinearInputs, linearReference } from './reference.js';

/** A weight matrix in the layout of the backend that packed it. The op owns it: callers only pass it back and dispose it. */
export interface LinearWeights {
  /** Output features. */
  readonly N: number;
  /** Input features. */
  readonly K: number;
  readonly packed: tf.Tensor;
  readonly bias: tf.Tensor | null;
  dispose(): void;
}

const run = defineKernel<LinearInputs, object>('AttsLinear', linearReference);

/**
 * Packs W[N, K], row-major as checkpoints store it. The stock backends want it transposed, [K, N].
 * @param bias [N], or null
 */
export function packLinear(
  values: Float32Array,
  N: number,
  K: number,
  bias: Float32Array | null = null,
): LinearWeights {
  const packed = tf.tidy(() => tf.transpose(tf.tensor2d(values, [N, K])));
  const biasTensor = bias ? tf.tensor1d(bias) : null;
  return {
    N,
    K,
    packed,
    bias: biasTensor,
    dispose() {
      packed.dispose();
      biasTensor?.dispose();
    },
  };
}

/**
 * Fully connected layer, y = x · Wᵀ + bias (+ residual).
 * @param x [M, K] float32
 * @param residual [M, N], added to the output
 * @returns [M, N] float32; every output is one sum over K in one order, whatever M is
 */
export function linear(x: tf.Tensor, weights: LinearWeights, residual?: tf.Tensor): tf.Tensor {
  return run({ x, weight: weights.packed, bias: weights.bias ?? undefined, residual }, {});
}
