import * as tf from '@tensorflow/tfjs-core';
import type { BenchCase } from '../../bench/measure.js';
import { values } from '../../bench/values.js';
import { sampleCost } from './cost.js';
import { sample } from './index.js';

export function* sampleCases(): Generator<BenchCase> {
  const V = 49_152;
  for (const topP of [1, 0.9]) {
    for (const R of [1, 16]) {
      yield {
        ...{ op: 'sample', dtype: 'f32', rows: R, shape: `${V}, top-p ${topP}`, cost: sampleCost(R, V) },
        prepare() {
          const logits = tf.tensor2d(
            values(R * V).map((v) => 20 * v),
            [R, V],
          );
          const attributes = {
            temperatures: new Float32Array(R).fill(0.8),
            topPs: new Float32Array(R).fill(topP),
            uniforms: Float64Array.from({ length: R }, (_, r) => (r + 0.5) / R),
          };
          return { run: () => sample(logits, attributes).dispose(), dispose: () => logits.dispose() };
        },
      };
    }
  }
}
