import * as tf from '@tensorflow/tfjs-core';
import type { KvCache, RaggedRows } from '../attention/cache.js';
import { rmsNormReference } from '../rms-norm/reference.js';

export type RopeInputs = { x: tf.Tensor; cos: tf.Tensor; sin: tf.Tensor };

/** Rotates the pairs (i, i + headDim/2) of every head of x[T, heads · headDim]; cos, sin: [T, 1, headDim/2]. */
export function ropeReference({ x, cos, sin }: RopeInputs, { headDim }: { headDim: number }): tf.Tensor {
  const T = x.shape[0] as number;
  const half = headDim / 2;
  const heads = tf.reshape(x, [T, -1, headDim]); // [T, heads, headDim]
  const H = heads.shape[1] as number;
  const a = tf.slice(heads, [0, 0, 0], [T, H, half]);
  const b = tf.slice(heads, [0, 0, half], [T, H, half]);
  const rotated = tf.concat([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(b, cos), tf.mul(a, sin))], 2);
  return tf.reshape(rotated, x.shape);
}

export type RopeAppendInputs = { qkv: tf.Tensor; cos: tf.Tensor; sin: tf.Tensor; qNorm?: tf.Tensor; kNorm?: tf.Tensor };

export interface RopeAppendAttributes {
  cache: KvCache;
  layer: number;
  rows: RaggedRows;
  heads: number;
  epsilon: number;
}

/** Splits qkv, norms, rotates, and writes keys and values to the rows' slots. */
export function ropeAppendReference(inputs: RopeAppendInputs, attributes: RopeAppendAttributes): tf.Tensor {
  const { qkv, cos, sin, qNorm, kNorm } = inputs;
  const { cache, layer, rows, heads, epsilon } = attributes;
  const { kvHeads, headDim } = cache.shape;
  const T = qkv.shape[0] as number;
  const part = (first: number, count: number) => tf.slice(qkv, [0, first * headDim], [T, count * headDim]);
  const turned = (x: tf.Tensor, weight?: tf.Tensor) => {
    const normed = weight ? rmsNormReference({ x, weight }, { epsilon }) : x;
    return ropeReference({ x: normed, cos, sin }, { headDim });
  };
  const k = turned(part(heads, kvHeads), kNorm).dataSync() as Float32Array;
  const v = part(heads + kvHeads, kvHeads).dataSync() as Float32Array;
  for (let t = 0; t < T; t++) {
    for (let h = 0; h < kvHeads; h++) {
      const from = (t * kvHeads + h) * headDim;
      cache.set(layer, 0, rows.slots[t], h, k.subarray(from, from + headDim));
      cache.set(layer, 1, rows.slots[t], h, v.subarray(from, from + headDim));
    }
  }
  return turned(part(0, heads), qNorm);
}
