import type { ChainRecord } from '../../src/index.js';
import {
  type Dataset,
  type Engine,
  loadDataset,
  openEngine,
  type RunConfig,
  runConfigSchema,
} from '../../src/index.js';

export interface EmbeddedPair {
  readonly draft: Engine;
  readonly target: Engine;
  readonly dataset: Dataset;
  readonly calibrationDataset: Dataset;
}

/** The embedded pair and the first problems of its test and calibration splits. */
export async function openEmbeddedPair(problems: number, calibrationProblems: number): Promise<EmbeddedPair> {
  return {
    draft: await openEngine('abacus-llama-0.4m'),
    target: await openEngine('abacus-qwen3-2m'),
    dataset: await loadDataset('abacus', { limit: problems }),
    calibrationDataset: await loadDataset('abacus', { limit: calibrationProblems, split: 'calibration' }),
  };
}

/** The pair of a block of tests, open from the first of them to the last. */
export function pairOfBlock(problems: number, calibrationProblems: number): EmbeddedPair {
  const pair = {} as EmbeddedPair;
  before(async () => {
    Object.assign(pair, await openEmbeddedPair(problems, calibrationProblems));
  });
  after(async () => {
    await pair.draft.close();
    await pair.target.close();
  });
  return pair;
}

/** A small run under the policy that suits the pair. */
export function smallRun(overrides: Partial<RunConfig> = {}): RunConfig {
  const base = { policy: 'replace', samples: 4, turns: 6, calibrationProblems: 12, calibrationSamples: 2, seed: 7 };
  return runConfigSchema.parse({ ...base, ...overrides });
}

/** What a chain wrote and how it was judged, without when. */
export function contentOf(chains: readonly ChainRecord[]): string[] {
  return chains
    .map(({ problem, sample, chunks, answer, correct, turns, status }) =>
      JSON.stringify({ problem, sample, chunks, answer, correct, turns, status }),
    )
    .sort();
}
