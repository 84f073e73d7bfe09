import { basename } from 'node:path';
import { z } from 'zod';
import { firstIssue } from '../conformal/bank-format.js';
import { AttsError } from '../errors.js';
import type { TimedChain } from '../profiler/barrier.js';
import { checkedPercentile, checkedPerplexity, evenly } from './record-values.js';
import type { RecordedScore } from './recorded.js';
import { parsePythonJson, readTextFile } from './text-file.js';

const whole = z.int().min(0);
/** Infinity and NaN pass here and are judged by what they stand for. */
const loose = z.union([z.literal('NaN').transform(Number), z.custom<number>((value) => typeof value === 'number')], {
  error: 'not a number',
});

/**
 * `problem_NNNN.json`, one a chain, as the reference implementation writes it. `problem_index` counts chains over all
 * problems; `full_history` has an entry a model call. An entry without a score has no `ppl`; `accepted_reason` marks an
 * answer that was taken without a look at its rank, whose percentile is no percentile.
 */
const problemFile = z.object({
  problem_index: whole,
  duration_seconds: z.number().min(0),
  question: z.unknown(),
  full_history: z.array(
    z.object({
      turn: whole,
      ppl: loose.optional(),
      percentile: loose.optional(),
      accepted_reason: z.string().optional(),
    }),
  ),
});

interface ProblemFile extends z.infer<typeof problemFile> {
  path: string;
}

/** A converted form of the same, one line a chain; a turn whose chunk was empty has no score. */
const trace = z.object({
  problem: whole,
  sample: whole,
  durationS: z.number().min(0),
  turns: z.array(z.object({ ppl: z.number().nullable(), percentile: z.number().nullable() })),
});

type Trace = z.infer<typeof trace> & { where: string };

/** @param samples chains a problem, by which an index is told apart into problem and chain */
export function scoresOfProblemFiles(paths: readonly string[], samples: number): RecordedScore[] {
  return chainsOfProblemFiles(paths, samples).flatMap(({ problem, sample, path, full_history }) =>
    full_history.flatMap(({ turn, ppl, percentile, accepted_reason }, index) => {
      if (ppl === undefined || accepted_reason !== undefined) return [];
      const where = `${path}: full_history[${index}]`;
      const score = checkedPerplexity(ppl, where);
      return [{ problem, sample, turn, score, percentile: checkedPercentile(percentile ?? Number.NaN, where) }];
    }),
  );
}

export function timesOfProblemFiles(paths: readonly string[], samples: number): TimedChain[] {
  return chainsOfProblemFiles(paths, samples).map(({ problem, path, duration_seconds, full_history }) => {
    const turns = new Set(full_history.map(({ turn }) => turn)).size;
    return { problem, turns: evenly(duration_seconds, turns, path) };
  });
}

function chainsOfProblemFiles(paths: readonly string[], samples: number) {
  const files = paths.map(readProblemFile).sort((a, b) => a.problem_index - b.problem_index);
  refuseMixedProblems(files, samples);
  return files.map((file) => ({
    ...file,
    problem: String(Math.floor(file.problem_index / samples)),
    sample: file.problem_index % samples,
  }));
}

function readProblemFile(path: string): ProblemFile {
  return { path, ...checked(problemFile, parsePythonJson(readTextFile(path), path), path) };
}

/** The files do not say how many chains a problem has, but each holds its question. */
function refuseMixedProblems(files: readonly ProblemFile[], samples: number): void {
  for (const [index, file] of files.entries()) {
    const before = files[index - 1];
    if (before === undefined) continue;
    const sameProblem = Math.floor(before.problem_index / samples) === Math.floor(file.problem_index / samples);
    const sameQuestion = JSON.stringify(before.question) === JSON.stringify(file.question);
    if (sameProblem === sameQuestion) continue;
    const found = sameQuestion ? 'ask the same question' : 'ask different questions';
    throw new AttsError(
      'run',
      `${before.path} and ${basename(file.path)} ${found}, which does not go with ${samples} chains a problem; give --samples`,
    );
  }
}

/** @throws AttsError `io`, `run`, `score`, naming file and line */
export function scoresOfTraces(path: string): RecordedScore[] {
  return readTraces(path).flatMap(({ problem, sample, turns, where }) =>
    turns.flatMap(({ ppl, percentile }, turn) => {
      if (ppl === null) return [];
      const place = `${where}: turns[${turn}]`;
      const score = checkedPerplexity(ppl, place);
      return [
        {
          problem: String(problem),
          sample,
          turn,
          score,
          percentile: checkedPercentile(percentile ?? Number.NaN, place),
        },
      ];
    }),
  );
}

export function timesOfTraces(path: string): TimedChain[] {
  return readTraces(path).map(({ problem, durationS, turns, where }) => {
    return { problem: String(problem), turns: evenly(durationS, turns.length, where) };
  });
}

function readTraces(path: string): Trace[] {
  return readTextFile(path)
    .split('\n')
    .map((line, index) => ({ line, where: `${path}:${index + 1}` }))
    .filter(({ line }) => line.trim() !== '')
    .map(({ line, where }) => ({ where, ...checked(trace, parsePythonJson(line, where), where) }));
}

function checked<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AttsError('run', `${where}: ${firstIssue(parsed.error)}`);
}
