import { AttsError } from '../errors.js';

/** Bare scores: one list, or a list for each problem by its id. */
export type ScoreArrays = { readonly all: number[] } | { readonly questions: Record<string, number[]> };

/**
 * A JSON array of scores or an object of such arrays, bare `Infinity` allowed.
 * @throws AttsError `run` for anything else, naming file and place; `score` for a NaN
 */
export function scoreArraysOf(value: unknown, path: string): ScoreArrays {
  if (Array.isArray(value)) return { all: scoresOf(value, path, '') };
  if (typeof value !== 'object' || value === null) {
    throw new AttsError('run', `${path} holds neither an array of scores nor an object of such arrays`);
  }
  const questions = Object.entries(value).map(([problem, scores]) => {
    return [problem, scoresOf(scores, path, JSON.stringify(problem))] as const;
  });
  return { questions: Object.fromEntries(questions) };
}

function scoresOf(value: unknown, path: string, name: string): number[] {
  if (!Array.isArray(value)) throw new AttsError('run', `${path}: ${name} is not an array of scores`);
  if (value.length === 0) throw new AttsError('run', `${path}: ${name || 'the array'} holds no scores`);
  value.forEach((score, index) => {
    if (score === 'NaN') {
      throw new AttsError('score', `${path}: ${name}[${index}] is NaN: a failed score has no rank; leave it out`);
    }
    if (typeof score !== 'number') {
      throw new AttsError('run', `${path}: ${name}[${index}] is ${JSON.stringify(score)}, not a score`);
    }
  });
  return value as number[];
}
