import type * as tf from '@tensorflow/tfjs-core';
import { concat } from '../../concat.js';
import { defineKernel, PerBackend } from '../../tfjs.js';
import {
  type LinearOptions,
  type LinearWeights,
  type Matrix,
  packLinear,
  packParts,
  type WeightDtype,
} from '../linear/index.js';
import { rowsOf, stacked } from '../linear/matrix.js';
import { type Activation, type GatedMlpAttributes, type GatedMlpInputs, gatedMlpReference } from './reference.js';

export type { Activation } from './reference.js';

/** Row-major matrices of a block: gate and up [f, d], down [d, f], biases where there are any. */
export interface GatedMlpMatrices {
  readonly d: number;
  readonly f: number;
  readonly gate: Matrix;
  readonly up: Matrix;
  readonly down: Matrix;
  readonly gateBias?: Float32Array | null;
  readonly upBias?: Float32Array | null;
  readonly downBias?: Float32Array | null;
}

/** Packed weights, owned by the op. */
export interface GatedMlpWeights {
  readonly d: number;
  readonly f: number;
  /** Both in one matrix, in the order the backend wants. */
  readonly gateUp: LinearWeights;
  readonly down: LinearWeights;
  dispose(): void;
}

export interface GatedMlpDtypes {
  readonly gateUp: WeightDtype;
  readonly down: WeightDtype;
}

export type GatedMlpPacker = (matrices: GatedMlpMatrices, dtypes: GatedMlpDtypes) => Omit<GatedMlpWeights, 'dispose'>;

/** The stock order: all of gate, then all of up. */
export const gatedMlpPacker = new PerBackend<GatedMlpPacker>(({ d, f, gate, up, down, ...biases }, dtypes) => {
  const { gateBias, upBias, downBias } = biases;
  const bias =
    gateBias || upBias ? concat(Float32Array, [gateBias ?? new Float32Array(f), upBias ?? new Float32Array(f)]) : null;
  return {
    d,
    f,
    gateUp: packParts(stacked(rowsOf(gate, f, d), rowsOf(up, f, d)), 2 * f, d, bias, dtypes.gateUp),
    down: packLinear(down, d, f, downBias ?? null, dtypes.down),
  };
});

/** @param dtypes one for all, or one a matrix */
export function packGatedMlp(
  matrices: GatedMlpMatrices,
  dtypes: WeightDtype | GatedMlpDtypes = 'f32',
): GatedMlpWeights {
  const each = typeof dtypes === 'string' ? { gateUp: dtypes, down: dtypes } : dtypes;
  const packed = gatedMlpPacker.active(matrices, each);
  return {
    ...packed,
    dispose() {
      packed.gateUp.dispose();
      packed.down.dispose();
    },
  };
}

const run = defineKernel<GatedMlpInputs, GatedMlpAttributes>('AttsGatedMlp', gatedMlpReference);

/**
 * Gated feed-forward block, down(activation(gate(norm(x))) · up(norm(x))) (+ residual) (Shazeer 2020, arXiv 2002.05202).
 * @param x [T, d]
 * @returns [T, d] float32
 */
export function gatedMlp(
  x: tf.Tensor,
  weights: GatedMlpWeights,
  activation: Activation,
  { residual, norm }: LinearOptions = {},
): tf.Tensor {
  const { d, f, gateUp, down } = weights;
  const [gateUpBias, downBias] = [gateUp.bias ?? undefined, down.bias ?? undefined];
  const inputs = { x, gateUp: gateUp.packed, down: down.packed, residual, norm: norm?.weight, gateUpBias, downBias };
  return run(inputs, { d, f, activation, epsilon: norm?.epsilon ?? 0, dtype: gateUp.dtype, downDtype: down.dtype });
}
