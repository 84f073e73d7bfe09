import type * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from '../../tfjs.js';
import { type RmsNormInputs, rmsNormReference } from './reference.js';

const run = defineKernel<RmsNormInputs, { epsilon: number }>('AttsRmsNorm', rmsNormReference);

/**
 * Root-mean-square layer normalisation (Zhang & Sennrich 2019, arXiv 1910.07467).
 * @param x [T, n · width]; each group of `width` values is normalised by itself (one group a head for query/key norms)
 * @param weight [width]
 * @returns [T, n · width] float32
 */
export function rmsNorm(x: tf.Tensor, weight: tf.Tensor, epsilon: number): tf.Tensor {
  return run({ x, weight }, { epsilon });
}
