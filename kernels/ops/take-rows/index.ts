import type * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from '../../tfjs.js';
import { type TakeRowsAttributes, takeRowsReference } from './reference.js';

const run = defineKernel<{ x: tf.Tensor }, TakeRowsAttributes>('AttsTakeRows', takeRowsReference);

/**
 * Rows of a matrix by their numbers, on the device: those of a pass that are to be scored or sampled from.
 * @param x [T, d]
 * @param rows R numbers, each in [0, T)
 * @returns [R, d] float32
 */
export function takeRows(x: tf.Tensor, rows: Int32Array): tf.Tensor {
  return run({ x }, { rows });
}
