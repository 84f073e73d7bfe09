/** Times every op on the simd backend against the machine's limits. */
import { chooseBackend, kernelBuild } from '../backends/choose.js';
import { simd } from '../backends/simd/index.js';
import { attentionCases } from '../ops/attention/bench.js';
import { embeddingCases } from '../ops/embedding/bench.js';
import { gatedMlpCases } from '../ops/gated-mlp/bench.js';
import { linearCases } from '../ops/linear/bench.js';
import { rmsNormCases } from '../ops/rms-norm/bench.js';
import { ropeCases } from '../ops/rope/bench.js';
import { sampleCases } from '../ops/sample/bench.js';
import { tokenLogProbCases } from '../ops/token-log-prob/bench.js';
import { type BenchCase, type BenchResult, measure, type OneRowRoofs, type Roofs } from './measure.js';
import { emptyJob, MovingRoofs, measureRoofs, oneRowRoofs } from './roofs.js';

export type { BenchResult, Roofs } from './measure.js';

export interface OpsBench {
  readonly build: string;
  readonly threads: number;
  readonly roofs: Roofs & { readonly oneRow: OneRowRoofs; readonly dispatchMicroseconds: number };
  readonly results: readonly BenchResult[];
}

/** What is timed, by op. */
export const benchSuites: Readonly<Record<string, () => Generator<BenchCase>>> = {
  linear: linearCases,
  gatedMlp: gatedMlpCases,
  attention: attentionCases,
  tokenLogProb: tokenLogProbCases,
  rope: ropeCases,
  rmsNorm: rmsNormCases,
  embedding: embeddingCases,
  sample: sampleCases,
};

export const benchedOps: readonly string[] = Object.keys(benchSuites);

export interface OpsBenchOptions {
  /** Which of `benchedOps`; all unless given. */
  readonly ops?: readonly string[];
  readonly threads?: number | null;
  readonly onResult?: (result: BenchResult) => void;
}

/** Lets a case be held against bandwidth and peak as they are beside it. */
export async function besideRoofs<T>(first: Roofs, body: (now: () => Roofs) => Promise<T>): Promise<T> {
  const roofs = new MovingRoofs();
  try {
    return await body(() => ({ ...first, ...roofs.now(3, 20) }));
  } finally {
    roofs.dispose();
  }
}

export async function benchOps({
  ops = benchedOps,
  threads = null,
  onResult,
}: OpsBenchOptions = {}): Promise<OpsBench> {
  await chooseBackend('simd', threads);
  const roofs = { ...measureRoofs(), oneRow: oneRowRoofs(), dispatchMicroseconds: 1000 * emptyJob().ms };
  const results = await besideRoofs(roofs, async (now) => {
    const results: BenchResult[] = [];
    for (const op of ops) {
      for (const bench of benchSuites[op]()) {
        const result = measure(bench, now());
        results.push(result);
        onResult?.(result);
      }
    }
    return results;
  });
  return { build: kernelBuild('simd'), threads: simd().pool.threads, roofs, results };
}
