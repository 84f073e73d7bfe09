import type { BenchResult, OpsBench, OpsBenchOptions } from '../../kernels/bench/index.js';
import { againstRoofs } from '../../kernels/bench/measure.js';
import type { Cost } from '../../kernels/cost.js';
import { benchedDtypes, weightBytes } from '../../kernels/ops/linear/bench.js';
import type { WeightDtype } from '../../kernels/ops/linear/index.js';
import { openRandomEngine } from './engine-cases.js';
import { EngineTimer } from './engine-timer.js';
import { medianOf } from './median-of.js';

const repeats = 5;

/** Passes of a 135M llama with random weights, engine and all, against the roofs; attention's own work is left out. */
export async function benchModel(
  { roofs, threads }: OpsBench,
  { onResult }: OpsBenchOptions,
): Promise<readonly BenchResult[]> {
  const results: BenchResult[] = [];
  for (const dtype of benchedDtypes()) {
    const engine = await openRandomEngine(dtype, threads);
    try {
      const timer = new EngineTimer(engine);
      for (const { op, rows, time } of passes) {
        const ms = await medianOf(repeats, () => time(timer));
        const cost = costOf(engine.model.parameters, dtype, rows);
        const result = againstRoofs({ op, dtype, rows, shape: '135M llama', cost }, ms, roofs);
        results.push(result);
        onResult?.(result);
      }
    } finally {
      await engine.close();
    }
  }
  return results;
}

/** Tokens written after the prompt of a timed decode. */
export const decodedTokens = 16;

const passes: readonly { op: string; rows: number; time(timer: EngineTimer): Promise<number> }[] = [
  { op: 'model decode', rows: 1, time: (timer) => timer.decode(1, decodedTokens) },
  { op: 'model decode', rows: 8, time: (timer) => timer.decode(8, decodedTokens) },
  { op: 'model score', rows: 64, time: (timer) => timer.score(64) },
  { op: 'model score', rows: 512, time: (timer) => timer.score(512) },
];

/** Every weight is read once a pass and multiplied once a row; the tied head counts where it is used, as a head. */
function costOf(parameters: number, dtype: WeightDtype, rows: number): Cost {
  const bytes = { weights: parameters * weightBytes(dtype), activations: 0, cache: 0 };
  return { flops: 2 * parameters * rows, bytes };
}
