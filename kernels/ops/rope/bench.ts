import * as tf from '@tensorflow/tfjs-core';
import type { BenchCase } from '../../bench/measure.js';
import { values } from '../../bench/values.js';
import { KvCache } from '../attention/cache.js';
import { ropeAppendCost } from './cost.js';
import { ropeAppend, rotation } from './index.js';

export function* ropeCases(): Generator<BenchCase> {
  const shape = { heads: 9, kvHeads: 3, headDim: 64 };
  for (const T of [1, 64, 512]) {
    yield {
      ...{ op: 'rope + append', dtype: 'f32', rows: T, shape: '9/3 heads of 64' },
      cost: ropeAppendCost(shape, T),
      prepare() {
        const cache = new KvCache({ layers: 1, pages: 32, pageSize: 16, dtype: 'f32', ...shape });
        const positions = Int32Array.from({ length: T }, (_, t) => t);
        const rows = { positions, slots: positions, tables: new Int32Array(T), pages: new Int32Array(32) };
        const angles = rotation(
          positions,
          Float64Array.from({ length: 32 }, (_, i) => 10_000 ** (-i / 32)),
        );
        const qkv = tf.tensor2d(values(T * 15 * 64), [T, 15 * 64]);
        return {
          run: () => ropeAppend(qkv, { angles, cache, layer: 0, rows, heads: 9, epsilon: 0 }).dispose(),
          dispose() {
            for (const owned of [qkv, angles, cache]) owned.dispose();
          },
        };
      },
    };
  }
}
