import * as tf from '@tensorflow/tfjs-core';
import type { BenchCase } from '../../bench/measure.js';
import { values } from '../../bench/values.js';
import { benchedDtypes, weightBytes } from '../linear/bench.js';
import { gatedMlpCost } from './cost.js';
import { gatedMlp, packGatedMlp } from './index.js';

/** The block of a 1.5B model, by rows and dtypes. */
export function* gatedMlpCases(): Generator<BenchCase> {
  const [d, f] = [1536, 8960];
  for (const dtype of benchedDtypes()) {
    for (const T of [1, 64]) {
      yield {
        ...{ op: 'gatedMlp', dtype, rows: T, shape: `${d} → ${f} → ${d}` },
        cost: gatedMlpCost(T, d, f, weightBytes(dtype)),
        prepare() {
          const matrices = { d, f, gate: values(f * d, 1), up: values(f * d, 2), down: values(f * d, 3) };
          const weights = packGatedMlp(matrices, dtype);
          const x = tf.tensor2d(values(T * d, 4), [T, d]);
          const norm = { weight: tf.ones([d]), epsilon: 1e-6 };
          return {
            run: () => gatedMlp(x, weights, 'silu', { norm, residual: x }).dispose(),
            dispose() {
              for (const owned of [x, norm.weight, weights]) owned.dispose();
            },
          };
        },
      };
    }
  }
}
