import { AttsError } from '../errors.js';

/**
 * The reference implementation's scores: perplexities of chunks.
 * @throws AttsError `score` for NaN and for what is not above 0, as which the reference writes a call that failed
 */
export function checkedPerplexity(value: number, where: string): number {
  if (Number.isNaN(value))
    throw new AttsError('score', `${where}: ppl is NaN: a failed score has no rank; leave it out`);
  if (value > 0) return value;
  throw new AttsError('score', `${where}: ppl is ${value}, as which a failed call is recorded; leave it out`);
}

/** @throws AttsError `run` */
export function checkedPercentile(value: number, where: string): number {
  if (value >= 0 && value <= 1) return value;
  throw new AttsError('run', `${where}: percentile is ${value}, not a share between 0 and 1`);
}

/** Seconds of each turn where only those of the chain are on record. @throws AttsError `run` for what is no duration */
export function evenly(seconds: number, turns: number, where: string): number[] {
  if (!(seconds >= 0 && Number.isFinite(seconds))) {
    throw new AttsError('run', `${where}: a duration of ${seconds} s is none`);
  }
  if (turns === 0) throw new AttsError('run', `${where}: a chain without a turn`);
  return new Array<number>(turns).fill(seconds / turns);
}
