import * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from '../../tfjs.js';
import { type RopeInputs, ropeReference } from './reference.js';

/** cos and sin of every (position, frequency) pair of one forward pass, shared by its layers. */
export interface Rotation {
  readonly headDim: number;
  /** [T, 1, headDim/2] */
  readonly cos: tf.Tensor;
  readonly sin: tf.Tensor;
  dispose(): void;
}

const run = defineKernel<RopeInputs, { headDim: number }>('AttsRope', ropeReference);

/**
 * Angles position · frequency for the rows of a pass.
 * @param positions [T] 0-based position of each row in its sequence
 * @param frequencies [headDim/2] radians per position
 */
export function rotation(positions: Int32Array, frequencies: Float64Array): Rotation {
  const T = positions.length;
  const half = frequencies.length;
  const cosValues = new Float32Array(T * half);
  const sinValues = new Float32Array(T * half);
  for (let t = 0; t < T; t++) {
    for (let i = 0; i < half; i++) {
      const angle = positions[t] * frequencies[i];
      cosValues[t * half + i] = Math.cos(angle);
      sinValues[t * half + i] = Math.sin(angle);
    }
  }
  const cos = tf.tensor3d(cosValues, [T, 1, half]);
  const sin = tf.tensor3d(sinValues, [T, 1, half]);
  return {
    headDim: 2 * half,
    cos,
    sin,
    dispose() {
      cos.dispose();
      sin.dispose();
    },
  };
}

/**
 * Rotary position embedding, half-split pairing as in the Hugging Face layout (Su et al. 2021, arXiv 2104.09864).
 * @param x [T, heads · headDim]
 * @returns the same shape, float32
 */
export function rope(x: tf.Tensor, angles: Rotation): tf.Tensor {
  return run({ x, cos: angles.cos, sin: angles.sin }, { headDim: angles.headDim });
}
