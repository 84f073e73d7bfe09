import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, PerBackend } from '../../tfjs.js';
import { keptValues, type Matrix, type PlacedRows, rowsOf, stacked } from './matrix.js';
import { type LinearAttributes, type LinearInputs, linearReference } from './reference.js';

export { packedBytes } from './layout.js';
export type { Matrix, MatrixRows, PlacedRows } from './matrix.js';
export type { QuantisedMatrix } from './quantise.js';

/** How weights are kept, from the widest on: bf16 rounds them to nearest even, the others are quantised (quantise.ts). */
export const weightDtypes = ['f32', 'bf16', 'q8', 'q6', 'q5', 'q5k', 'q4', 'q4k'] as const;
/** Those of the CPU kernels, and float16, which only a GPU reads at no cost. */
export const gpuWeightDtypes = [...weightDtypes, 'f16'] as const;
export type WeightDtype = (typeof gpuWeightDtypes)[number];

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

/** A matrix [N, K] made of placed rows, to the backend's layout. */
export type LinearPacker = (parts: readonly PlacedRows[], N: number, K: number, dtype: WeightDtype) => tf.Tensor;

/** The stock backends want float32, transposed: [K, N]. */
export const linearPacker = new PerBackend<LinearPacker>((parts, N, K, dtype) =>
  tf.tidy(() => tf.transpose(tf.tensor2d(keptValues(parts, N, K, dtype), [N, K]))),
);

/** What is left of W[N, K] when it is kept in a dtype, as float32. */
export function storedValues(w: Float32Array, N: number, K: number, dtype: WeightDtype): Float32Array {
  return dtype === 'f32' ? w : keptValues(stacked(rowsOf(w, N, K)), N, K, dtype);
}

const run = defineKernel<LinearInputs, LinearAttributes>('AttsLinear', linearReference);

/**
 * Packs W[N, K], a block of rows at a time. Rows that are quantised as `dtype` says keep their very groups.
 * @param bias [N], or null
 */
export function packLinear(
  values: Matrix,
  N: number,
  K: number,
  bias: Float32Array | null = null,
  dtype: WeightDtype = 'dtype' in values ? values.dtype : 'f32',
): LinearWeights {
  return packParts(stacked(rowsOf(values, N, K)), N, K, bias, dtype);
}

/** Packs a matrix [N, K] that is made of others. */
export function packParts(
  parts: readonly PlacedRows[],
  N: number,
  K: number,
  bias: Float32Array | null,
  dtype: WeightDtype,
): LinearWeights {
  const packed = linearPacker.active(parts, N, K, dtype);
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

/**
 * Layers of the same input side by side, [M, N₁ + N₂ + …]: one product where they are one matrix, else, where they are
 * kept in different dtypes, one each.
 */
export function linearSideBySide(
  x: tf.Tensor,
  layers: readonly LinearWeights[],
  norm: NonNullable<LinearOptions['norm']>,
): tf.Tensor {
  if (layers.length === 1) return linear(x, layers[0], { norm });
  return tf.tidy(() =>
    tf.concat(
      layers.map((layer) => linear(x, layer, { norm })),
      1,
    ),
  );
}
