import * as tf from '@tensorflow/tfjs-core';
import type { BenchCase } from '../../bench/measure.js';
import { values } from '../../bench/values.js';
import { rmsNormCost } from './cost.js';
import { rmsNorm } from './index.js';

export function* rmsNormCases(): Generator<BenchCase> {
  const width = 2048;
  for (const T of [1, 64, 512]) {
    yield {
      ...{ op: 'rmsNorm', dtype: 'f32', rows: T, shape: String(width), cost: rmsNormCost(T, width) },
      prepare() {
        const x = tf.tensor2d(values(T * width), [T, width]);
        const weight = tf.ones([width]);
        return {
          run: () => rmsNorm(x, weight, 1e-6).dispose(),
          dispose() {
            for (const owned of [x, weight]) owned.dispose();
          },
        };
      },
    };
  }
}
