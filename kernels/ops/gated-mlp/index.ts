import type * as tf from '@tensorflow/tfjs-core';
import { concat } from '../../concat.js';
import { defineKernel, PerBackend } from '../../tfjs.js';
import { type LinearOptions, type LinearWeights, packLinear, type WeightDtype } from '../linear/index.js';
import { type Activation, type GatedMlpAttributes, type GatedMlpInputs, gatedMlpReference } from './reference.js';

export type { Activation } from './reference.js';

/** Row-major matrices of a block: gate and up [f, d], down [d, f], biases where there are any. */
export interface GatedMlpMatrices {
  readonly d: number;
  readonly f: number;
  readonly gate: Float32Array;
  readonly up: Float32Array;
  readonly down: Float32Array;
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

export type GatedMlpPacker = (matrices: GatedMlpMatrices, dtype: WeightDtype) => Omit<GatedMlpWeights, 'dispose'>;

/** The stock order: all of gate, then all of up. */
export const gatedMlpPacker = new PerBackend<GatedMlpPacker>(({ d, f, gate, up, down, ...biases }, dtype) => {
  const { gateBias, upBias, downBias } = biases;
  const bias = gateBias || upBias ? concat([gateBias ?? new Float32Array(f), upBias ?? new Float32Array(f)]) : null;
  return {
    d,
    f,
    gateUp: packLinear(concat([gate, up]), 2 * f, d, bias, dtype),
    down: packLinear(down, d, f, downBias ?? null, dtype),
  };
});

export function packGatedMlp(matrices: GatedMlpMatrices, dtype: WeightDtype = 'f32'): GatedMlpWeights {
  const packed = gatedMlpPacker.active(matrices, dtype);
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
  const inputs = {
    ...{ x, gateUp: gateUp.packed, down: down.packed, residual, norm: norm?.weight },
    ...{ gateUpBias: gateUp.bias ?? undefined, downBias: down.bias ?? undefined },
  };
  return run(inputs, { d, f, activation, epsilon: norm?.epsilon ?? 0, dtype: gateUp.dtype });
}
