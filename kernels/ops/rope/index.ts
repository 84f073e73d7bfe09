import * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from '../../tfjs.js';
import type { KvCache, RaggedRows } from '../attention/cache.js';
import {
  type RopeAppendAttributes,
  type RopeAppendInputs,
  type RopeInputs,
  ropeAppendReference,
  ropeReference,
} from './reference.js';

/** cos and sin of every (position, frequency) pair of one forward pass, shared by its layers. */
export interface Rotation {
  readonly headDim: number;
  /** [T, 1, headDim/2] */
  readonly cos: tf.Tensor;
  readonly sin: tf.Tensor;
  dispose(): void;
}

const run = defineKernel<RopeInputs, { headDim: number }>('AttsRope', ropeReference);
const runAppend = defineKernel<RopeAppendInputs, RopeAppendAttributes>('AttsRopeAppend', ropeAppendReference);

/** cos and sin of the positions met so far, by frequencies: a pass mostly meets positions of earlier ones. */
interface AngleTable {
  positions: number;
  cos: Float32Array;
  sin: Float32Array;
}
const tables = new WeakMap<Float64Array, AngleTable>();

function angleTable(frequencies: Float64Array, positions: number): AngleTable {
  const known = tables.get(frequencies);
  if (known && known.positions >= positions) return known;
  const half = frequencies.length;
  const size = 2 ** Math.ceil(Math.log2(Math.max(256, positions)));
  const table = { positions: size, cos: new Float32Array(size * half), sin: new Float32Array(size * half) };
  for (let i = 0; i < size * half; i++) {
    const angle = Math.floor(i / half) * frequencies[i % half];
    table.cos[i] = Math.cos(angle);
    table.sin[i] = Math.sin(angle);
  }
  tables.set(frequencies, table);
  return table;
}

/**
 * Angles position · frequency for the rows of a pass.
 * @param positions [T] 0-based position of each row in its sequence
 * @param frequencies [headDim/2] radians per position
 */
export function rotation(positions: Int32Array, frequencies: Float64Array): Rotation {
  const T = positions.length;
  const half = frequencies.length;
  const table = angleTable(frequencies, positions.reduce((a, b) => Math.max(a, b), 0) + 1);
  const cosValues = new Float32Array(T * half);
  const sinValues = new Float32Array(T * half);
  for (let t = 0; t < T; t++) {
    const from = positions[t] * half;
    cosValues.set(table.cos.subarray(from, from + half), t * half);
    sinValues.set(table.sin.subarray(from, from + half), t * half);
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

export interface RopeAppendOptions {
  readonly angles: Rotation;
  readonly cache: KvCache;
  readonly layer: number;
  readonly rows: RaggedRows;
  readonly heads: number;
  /** [headDim] norms of every query and key head before the rotation (qwen3, gemma3). */
  readonly qNorm?: tf.Tensor | null;
  readonly kNorm?: tf.Tensor | null;
  readonly epsilon: number;
}

/**
 * Norms and rotates queries and keys, and writes keys and values to their slots of the paged cache, in place.
 * @param qkv [T, (heads + 2 · kvHeads) · headDim]: queries, keys, values side by side
 * @returns [T, heads · headDim] the queries
 */
export function ropeAppend(qkv: tf.Tensor, options: RopeAppendOptions): tf.Tensor {
  const { angles, qNorm, kNorm, cache, layer, rows, heads, epsilon } = options;
  const inputs = { qkv, cos: angles.cos, sin: angles.sin, qNorm: qNorm ?? undefined, kNorm: kNorm ?? undefined };
  return runAppend(inputs, { cache, layer, rows, heads, epsilon });
}
