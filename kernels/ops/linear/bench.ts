import * as tf from '@tensorflow/tfjs-core';
import type { BenchCase } from '../../bench/measure.js';
import { values } from '../../bench/values.js';
import { linearCost } from './cost.js';
import { linear, packLinear, type WeightDtype } from './index.js';
import { packedBytes } from './layout.js';
import { gpuBytes } from './webgpu-layout.js';

/** Bytes of a weight in memory, scales included. */
export function weightBytes(dtype: WeightDtype): number {
  return (tf.getBackend() === 'webgpu' ? gpuBytes : packedBytes)(32, 128, dtype) / (32 * 128);
}

const dtypes = ['f32', 'bf16', 'q8', 'q6', 'q5', 'q4', 'q4k'] as const satisfies readonly WeightDtype[];

/** Those that are timed. */
export function benchedDtypes(): readonly WeightDtype[] {
  return tf.getBackend() === 'webgpu' ? [...dtypes, 'f16'] : dtypes;
}

export function linearCase(M: number, N: number, K: number, dtype: WeightDtype): BenchCase {
  return {
    ...{ op: 'linear', dtype, rows: M, shape: `${K} → ${N}`, cost: linearCost(M, N, K, weightBytes(dtype)) },
    prepare() {
      const weights = packLinear(values(N * K), N, K, null, dtype);
      const x = tf.tensor2d(values(M * K, 2), [M, K]);
      return {
        run: () => linear(x, weights).dispose(),
        dispose() {
          x.dispose();
          weights.dispose();
        },
      };
    },
  };
}

/** A matrix that no cache holds, by rows and dtypes. */
export function* linearCases(): Generator<BenchCase> {
  for (const dtype of benchedDtypes()) for (const M of [1, 2, 4, 8, 64]) yield linearCase(M, 8192, 2048, dtype);
}
