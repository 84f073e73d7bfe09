import type { BackendChoice } from '../../kernels/backends/names.js';
import type { BenchResult, OpsBenchOptions, Roofs } from '../../kernels/bench/index.js';
import { againstRoofs } from '../../kernels/bench/measure.js';
import type { Cost } from '../../kernels/cost.js';
import { benchedDtypes, weightBytes } from '../../kernels/ops/linear/bench.js';
import type { WeightDtype } from '../../kernels/ops/linear/index.js';
import { openRandomEngine } from './engine-cases.js';
import { EngineTimer } from './engine-timer.js';
import { medianOf } from './median-of.js';
import { type LlamaShape, smolLm2Shape } from './random-checkpoint.js';

const repeats = 5;

/** What is timed of a model, and on what. */
export interface ModelBench {
  readonly backend: BackendChoice;
  readonly threads: number;
  readonly shape: LlamaShape;
  /** What results call it. */
  readonly name: string;
  readonly dtypes: readonly WeightDtype[];
  readonly mostRows: number;
  /** Milliseconds of all repeats of a pass; unlimited unless given. */
  readonly budget?: number;
}

/** A 135M llama, in every dtype. */
export function wholeModel(backend: BackendChoice, threads: number): ModelBench {
  const of135M = { shape: smolLm2Shape, name: '135M llama', mostRows: 512 };
  return { backend, threads, ...of135M, dtypes: benchedDtypes() };
}

/** Passes of a model with random weights, engine and all, against the roofs; attention's own work is left out. */
export async function benchModel(
  { backend, threads, shape, name, dtypes, mostRows, budget }: ModelBench,
  roofs: () => Roofs,
  { onResult }: OpsBenchOptions,
): Promise<readonly BenchResult[]> {
  const results: BenchResult[] = [];
  for (const dtype of dtypes) {
    const engine = await openRandomEngine(dtype, threads, backend, shape);
    try {
      const timer = new EngineTimer(engine, shape.vocab_size);
      for (const { op, rows, time } of passes.filter(({ rows }) => rows <= mostRows)) {
        const ms = await medianOf(repeats, () => time(timer), budget);
        const cost = costOf(engine.model.parameters, dtype, rows);
        const result = againstRoofs({ op, dtype, rows, shape: name, cost }, ms, roofs());
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
