import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../atomic-file.js';
import { AttsError } from '../errors.js';
import { strictJson } from '../runs/jsonl.js';
import { RunLock } from '../runs/lock.js';
import { type Run, readRun } from '../runs/read.js';
import type { ChainRecord, Summary } from '../runs/records.js';
import { extractAnswer } from '../tasks/answers.js';
import { openGrader } from '../tasks/grader.js';
import type { Judge, JudgeQuestion } from '../tasks/judge.js';
import type { Dataset } from '../tasks/problem.js';
import { accuracyOf } from './metrics.js';

/** A chain whose verdict or answer is another than on record. */
export interface RegradedChain {
  readonly problem: string;
  readonly sample: number;
  readonly gold: string;
  readonly before: Verdict;
  readonly after: Verdict;
}

export interface Verdict {
  readonly answer: string | null;
  readonly correct: boolean;
  readonly grader: 'rules' | 'judge';
}

export interface Regrade {
  readonly chains: readonly ChainRecord[];
  readonly before: Summary['accuracy'];
  readonly after: Summary['accuracy'];
  readonly changed: readonly RegradedChain[];
  /** Distinct pairs of problem and answer that the judge was asked about, and those it gave no verdict on. */
  readonly judge: { readonly asked: number; readonly failed: number; readonly error: string | null } | null;
}

export interface RegradeOptions {
  readonly judge?: Judge;
  readonly signal?: AbortSignal;
}

/** Requests under way to a judge. */
const judgeConcurrency = 8;

/**
 * Grades the chains of a run again: the answer is read from the text anew and held against the gold answer by the rules,
 * and by the judge, if there is one, where the rules find them unequal. A judge that fails leaves an answer wrong.
 * @throws AttsError `run` where the run is not finished, `dataset` where the problems are not those of the run
 */
export async function regrade(run: Run, dataset: Dataset, options: RegradeOptions = {}): Promise<Regrade> {
  const { config, dataset: recorded } = run.manifest;
  if (!run.summary) throw new AttsError('run', `${run.path} is not finished; run its command again, then grade`);
  if (dataset.hash !== recorded.hash) {
    throw new AttsError(
      'dataset',
      `${dataset.name} does not hold the problems of ${run.path}; give the run's own --dataset`,
    );
  }
  const grade = await openGrader();
  const problems = new Map(dataset.problems.map((problem) => [problem.id, problem]));
  const graded = run.chains.map((chain) => {
    const problem = problems.get(chain.problem);
    if (!problem) throw new AttsError('run', `${run.path}: problem '${chain.problem}' is not in ${dataset.name}`);
    const answer = extractAnswer(textOf(chain, config.policy)) ?? chain.answer;
    const finished = chain.status === 'finished';
    const correct = finished && grade(answer, problem.answer);
    const question = finished && !correct && answer !== null ? { ...problem, gold: problem.answer, answer } : null;
    return { chain, gold: problem.answer, answer, correct, question };
  });
  const verdicts = await askJudge(
    graded.flatMap(({ question }) => (question ? [question] : [])),
    options,
  );
  const chains = graded.map(({ chain, answer, correct, question }): ChainRecord => {
    const verdict = question ? verdicts?.of.get(keyOf(question)) : undefined;
    return { ...chain, answer, correct: verdict ?? correct, grader: verdict === undefined ? 'rules' : 'judge' };
  });
  const changed = graded.flatMap(({ chain, gold }, i): RegradedChain[] => {
    const [before, after] = [verdictOf(chain), verdictOf(chains[i])];
    if (before.correct === after.correct && before.answer === after.answer) return [];
    return [{ problem: chain.problem, sample: chain.sample, gold, before, after }];
  });
  return {
    chains,
    before: accuracyOf(dataset.problems, run.chains, config, grade),
    after: accuracyOf(dataset.problems, chains, config, grade),
    changed: changed.sort((a, b) => a.problem.localeCompare(b.problem, 'en', { numeric: true }) || a.sample - b.sample),
    judge: verdicts && { asked: verdicts.asked, failed: verdicts.failed, error: verdicts.error },
  };
}

/**
 * Writes the verdicts into the run. Its summary goes first and comes last: a run that was cut off in between is not
 * finished, and its own command makes the summary again; it never has one that its chains contradict.
 * @throws AttsError `config` where the run is being written, or has changed since it was read, `io`
 */
export function writeRegrade(run: Run, { chains, after }: Regrade): void {
  const lock = RunLock.take(run.path);
  try {
    const summary = run.summary && { ...run.summary, accuracy: after };
    const now = readRun(run.path);
    if (
      !summary ||
      now.chains.length !== chains.length ||
      JSON.stringify(now.summary) !== JSON.stringify(run.summary)
    ) {
      throw new AttsError('config', `${run.path} was written meanwhile; grade it again`);
    }
    const file = join(run.path, 'summary.json');
    const aside = `${file}.before.${process.pid}.tmp`;
    const samples = chains.map((chain) => `${strictJson(chain)}\n`).join('');
    const text = `${strictJson(summary, 2)}\n`;
    renameSync(file, aside);
    try {
      writeFileAtomic(join(run.path, 'samples.jsonl'), samples);
    } catch (cause) {
      renameSync(aside, file);
      throw cause;
    }
    writeFileAtomic(file, text);
    rmSync(aside);
  } finally {
    lock.release();
  }
}

/** The chain's own text, without chunks that were replaced. */
function textOf({ chunks }: ChainRecord, policy: string): string {
  return chunks
    .filter(({ rejected }) => !rejected || policy !== 'replace')
    .map(({ text }) => text)
    .join('');
}

const verdictOf = ({ answer, correct, grader = 'rules' }: ChainRecord): Verdict => ({ answer, correct, grader });

const keyOf = ({ problem, answer, gold }: JudgeQuestion) => JSON.stringify([problem, gold, answer]);

interface Verdicts {
  readonly of: ReadonlyMap<string, boolean>;
  readonly asked: number;
  readonly failed: number;
  readonly error: string | null;
}

/** Each question once, however many chains gave the answer. */
async function askJudge(questions: readonly JudgeQuestion[], options: RegradeOptions): Promise<Verdicts | null> {
  const { judge, signal } = options;
  if (!judge) return null;
  const distinct = [...new Map(questions.map((question) => [keyOf(question), question])).entries()];
  const left = distinct.values();
  const of = new Map<string, boolean>();
  let error: string | null = null;
  const ask = async () => {
    for (const [key, question] of left) {
      try {
        of.set(key, await judge.decide(question, signal));
      } catch (cause) {
        if (signal?.aborted || !(cause instanceof AttsError)) throw cause;
        error ??= cause.message;
      }
    }
  };
  await Promise.all(Array.from({ length: judgeConcurrency }, ask));
  return { of, asked: distinct.length, failed: distinct.length - of.size, error };
}
