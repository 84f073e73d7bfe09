import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, PerBackend } from '../../tfjs.js';
import { dequantise, type QuantisedMatrix, quantise } from './quantise.js';
import { type LinearAttributes, type LinearInputs, linearReference } from './reference.js';

export type { QuantisedMatrix } from './quantise.js';

/** How weights are kept: bf16 rounds them to nearest even, q8 and q4 are quantised in groups of 32 along K. */
export type WeightDtype = 'f32' | 'bf16' | 'q8' | 'q4';

/** Weights of a linear layer, in whatever layout the backend wants; callers only pass it back and dispose it. */
export interface LinearWeights {
  /** Output features. */
  readonly N: number;
  /** Input features. */
  readonly K: number;
  readonly dtype: WeightDtype;
  readonly packed: tf.Tensor;
  readonly bias: tf.Tensor | null;
  dispose(): void;
}

/** W[N, K], row-major as checkpoints store it, to the backend's layout. */
export type LinearPacker = (w: Float32Array | QuantisedMatrix, N: number, K: number, dtype: WeightDtype) => tf.Tensor;

/** The stock backends want float32, transposed: [K, N]. */
export const linearPacker = new PerBackend<LinearPacker>((w, N, K, dtype) => {
  const values = w instanceof Float32Array ? storedValues(w, N, K, dtype) : dequantise(w);
  return tf.tidy(() => tf.transpose(tf.tensor2d(values, [N, K])));
});

/** What is left of W[N, K] when it is kept in a dtype, as float32. */
export function storedValues(w: Float32Array, N: number, K: number, dtype: WeightDtype): Float32Array {
  if (dtype === 'f32') return w;
  return dtype === 'bf16' ? w.map(roundToBf16) : dequantise(quantise(w, N, K, dtype));
}

const run = defineKernel<LinearInputs, LinearAttributes>('AttsLinear', linearReference);

/**
 * Packs W[N, K], row-major as checkpoints store it.
 * @param bias [N], or null
 */
export function packLinear(
  values: Float32Array | QuantisedMatrix,
  N: number,
  K: number,
  bias: Float32Array | null = null,
  dtype: WeightDtype = values instanceof Float32Array ? 'f32' : values.dtype,
): LinearWeights {
  const isToQuantise = values instanceof Float32Array && (dtype === 'q8' || dtype === 'q4');
  const packed = linearPacker.active(isToQuantise ? quantise(values, N, K, dtype) : values, N, K, dtype);
  const biasTensor = bias ? tf.tensor1d(bias) : null;
  return {
    N,
    K,
    dtype,
    packed,
    bias: biasTensor,
    dispose() {
      packed.dispose();
      biasTensor?.dispose();
    },
  };
}

export interface LinearOptions {
  /** [M, N], added to the output. */
  readonly residual?: tf.Tensor;
  /** Root-mean-square norm of x's rows before the product. */
  readonly norm?: { readonly weight: tf.Tensor; readonly epsilon: number };
}

/**
 * Fully connected layer, y = norm(x) · Wᵀ + bias (+ residual).
 * @param x [M, K] float32
 * @returns [M, N] float32; every output is one sum over K in one order, whatever M is
 */
export function linear(x: tf.Tensor, weights: LinearWeights, { residual, norm }: LinearOptions = {}): tf.Tensor {
  const { N, K, dtype, packed, bias } = weights;
  const inputs = { x, weight: packed, bias: bias ?? undefined, residual, norm: norm?.weight };
  return run(inputs, { N, K, dtype, epsilon: norm?.epsilon ?? 0 });
}

/** To the nearest value that bfloat16 holds, ties to even. */
export function roundToBf16(value: number): number {
  word[0] = value;
  bits[0] = (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) & 0xffff0000;
  return word[0];
}
const word = new Float32Array(1);
const bits = new Uint32Array(word.buffer);
