import { RunDirectory, type RunManifest, runConfigSchema, summarise } from '../../src/runs/index.js';
import { accuracyOf } from '../../src/scaling/metrics.js';
import { loadDataset } from '../../src/tasks/datasets/index.js';
import { isCorrect } from '../../src/tasks/grading.js';
import type { Dataset } from '../../src/tasks/problem.js';
import { chain, manifest } from '../runs/fixtures.js';

/** A chain as a test wants it: what it wrote, and the verdict on record. */
export interface WrittenChain {
  readonly problem: number;
  readonly sample: number;
  readonly text: string;
  readonly answer: string | null;
  readonly correct: boolean;
  readonly failed?: boolean;
}

/** Three embedded problems, two chains each, with whatever verdicts; made without a model. */
export async function gradedRun(
  path: string,
  chainsOf: (golds: readonly string[]) => readonly WrittenChain[],
): Promise<{ dataset: Dataset; manifest: RunManifest }> {
  const config = runConfigSchema.parse({ method: 'draft-only', limit: 3, samples: 2 });
  const dataset = await loadDataset('abacus', { limit: 3 });
  const made = manifest({ config, target: null, dataset: { name: 'abacus', hash: dataset.hash, problems: 3 } });
  const chains = chainsOf(dataset.problems.map(({ answer }) => answer)).map((written) =>
    chain({
      ...{ problem: dataset.problems[written.problem].id, sample: written.sample },
      ...{ answer: written.answer, correct: written.correct },
      ...(written.failed && { status: 'failed' as const, error: 'no score' }),
      chunks: [{ author: 'draft', text: written.text, tokens: 2, rejected: false, ids: [1, 2], score: null, turn: 0 }],
    }),
  );
  const directory = RunDirectory.open(path, made);
  for (const one of chains) directory.recordChain(one);
  directory.writeSummary(
    summarise({
      ...{ config, dataset: 'abacus', problems: 3, chains, events: [], wallSeconds: 1, rejection: null, work: null },
      accuracy: accuracyOf(dataset.problems, chains, config, isCorrect),
    }),
  );
  directory.close();
  return { dataset, manifest: made };
}

/** One chain graded too hard, one too kindly, one that only a reader can grade, one failed, one without an answer. */
export const miscellany = ([first, second, third]: readonly string[]): WrittenChain[] => [
  { problem: 0, sample: 0, text: `\\boxed{${first}.0}`, answer: `${first}.0`, correct: false },
  { problem: 0, sample: 1, text: `\\boxed{${first}}`, answer: first, correct: true },
  { problem: 1, sample: 0, text: `\\boxed{${second}1}`, answer: `${second}1`, correct: true },
  {
    problem: 1,
    sample: 1,
    text: `\\boxed{\\text{it is ${second}}}`,
    answer: `\\text{it is ${second}}`,
    correct: false,
  },
  { problem: 2, sample: 0, text: `\\boxed{${third}}`, answer: third, correct: false, failed: true },
  { problem: 2, sample: 1, text: 'I do not know', answer: null, correct: false },
];
