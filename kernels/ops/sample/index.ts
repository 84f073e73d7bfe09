import type * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from '../../tfjs.js';
import { argmaxReference, type SampleAttributes, sampleReference } from './reference.js';

const runArgmax = defineKernel<{ logits: tf.Tensor }, object>('AttsArgmax', argmaxReference);
const runSample = defineKernel<{ logits: tf.Tensor }, SampleAttributes>('AttsSample', sampleReference);

/**
 * Greedy choice.
 * @param logits [R, V]
 * @returns [R] int32 ids; the smallest id wins a tie
 */
export function argmax(logits: tf.Tensor): tf.Tensor {
  return runArgmax({ logits }, {});
}

/**
 * Draws one token a row by temperature and top-p (nucleus sampling: Holtzman et al. 2019, arXiv 1904.09751), from random
 * numbers given by the caller; only ids leave the device.
 * @param logits [R, V]
 * @returns [R] int32 ids
 */
export function sample(logits: tf.Tensor, attributes: SampleAttributes): tf.Tensor {
  return attributes.temperatures.every((t) => t === 0) ? argmax(logits) : runSample({ logits }, attributes);
}
