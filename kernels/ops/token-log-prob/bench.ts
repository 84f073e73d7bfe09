import * as tf from '@tensorflow/tfjs-core';
import type { BenchCase } from '../../bench/measure.js';
import { values } from '../../bench/values.js';
import { benchedDtypes, linearCase, weightBytes } from '../linear/bench.js';
import { tokenLogProbCost } from './cost.js';
import { packHead, tokenLogProb } from './index.js';

/** The head of a 135M model, and the bare product of its shape to hold the op against. */
export function* tokenLogProbCases(): Generator<BenchCase> {
  const [V, d] = [49_152, 576];
  yield { ...linearCase(64, V, d, 'f32'), op: 'linear of the head' };
  for (const dtype of benchedDtypes()) {
    for (const T of [1, 64, 512]) {
      yield {
        ...{ op: 'tokenLogProb', dtype, rows: T, shape: `${d} → ${V}` },
        cost: tokenLogProbCost(T, V, d, weightBytes(dtype)),
        prepare() {
          const head = packHead(values(V * d), V, d, { dtype });
          const hidden = tf.tensor2d(values(T * d, 2), [T, d]);
          const ids = Int32Array.from({ length: T }, (_, t) => (t * 7919) % V);
          return {
            run: () => tokenLogProb(hidden, head, ids).dispose(),
            dispose() {
              for (const owned of [hidden, head]) owned.dispose();
            },
          };
        },
      };
    }
  }
}
