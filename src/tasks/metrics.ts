import { randomStream } from '../../models/abacus/random.js';
import { normalizeAnswer } from './grading.js';

/** One problem's chains. */
export interface Tally {
  readonly correct: number;
  readonly total: number;
}

/** One chain's vote. */
export interface Vote {
  readonly answer: string | null;
  readonly correct: boolean;
}

/** Share of chains that are right, each problem with equal weight; null without any chain. */
export function meanAt1(perProblem: readonly Tally[]): number | null {
  return passAt(1, perProblem);
}

/**
 * pass@k: the chance that at least one of k chains is right, 1 − C(n−c, k)/C(n, k) (unbiased: Chen et al. 2021, arXiv
 * 2107.03374, eq. 1), averaged over the problems that have k chains; null where none has.
 */
export function passAt(k: number, perProblem: readonly Tally[]): number | null {
  return mean(
    perProblem
      .filter(({ total }) => total >= k)
      .map(({ correct, total }) => {
        let allWrong = 1;
        for (let i = 0; i < k; i++) allWrong *= Math.max(0, total - correct - i) / (total - i);
        return 1 - allWrong;
      }),
  );
}

/**
 * maj@k: the share of problems whose majority answer among their first k chains is right (self-consistency: Wang et al.
 * 2022, arXiv 2203.11171). Answers with one normal form are one candidate, the candidate first seen wins a tie, and a
 * chain without an answer has no vote; a problem where nobody votes is wrong. Averaged over the problems that have k
 * chains; null where none has.
 */
export function majAt(k: number, perProblem: readonly (readonly Vote[])[]): number | null {
  return mean(
    perProblem.filter((votes) => votes.length >= k).map((votes) => (majorityIsCorrect(votes.slice(0, k)) ? 1 : 0)),
  );
}

function majorityIsCorrect(votes: readonly Vote[]): boolean {
  const candidates = new Map<string, { votes: number; correct: boolean }>();
  for (const { answer, correct } of votes) {
    if (answer === null) continue;
    const form = normalizeAnswer(answer);
    const candidate = candidates.get(form);
    if (candidate === undefined) candidates.set(form, { votes: 1, correct });
    else candidate.votes++;
  }
  let winner = { votes: 0, correct: false };
  for (const candidate of candidates.values()) if (candidate.votes > winner.votes) winner = candidate;
  return winner.correct;
}

export interface BootstrapOptions<T> {
  readonly statistic: (sample: readonly T[]) => number;
  readonly seed?: number;
  readonly resamples?: number;
  /** Coverage of the interval. */
  readonly level?: number;
}

/**
 * Percentile bootstrap interval that resamples problems, the unit of sampling: the chains of one problem are correlated,
 * and to resample them as if they were not would make the interval too narrow (Efron & Tibshirani 1993, ch. 13;
 * Field & Welsh 2007 for clusters). Same values and seed, same interval.
 * @param perProblem one value (or whatever the statistic takes) a problem, at least one; the statistic is their mean
 *   unless given
 */
export function clusteredBootstrap(
  perProblem: readonly number[],
  options?: Partial<BootstrapOptions<number>>,
): [number, number];
export function clusteredBootstrap<T>(perProblem: readonly T[], options: BootstrapOptions<T>): [number, number];
export function clusteredBootstrap(
  perProblem: readonly unknown[],
  options: Partial<BootstrapOptions<never>> = {},
): [number, number] {
  if (perProblem.length === 0) throw new RangeError('no interval without a problem');
  const { seed = 0, resamples = 2000, level = 0.95 } = options;
  const statistic = (options.statistic ?? mean) as (sample: readonly unknown[]) => number;
  const random = randomStream(seed, 'bootstrap');
  const sample: unknown[] = new Array(perProblem.length);
  const statistics = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < sample.length; i++) sample[i] = random.choice(perProblem);
    statistics[r] = statistic(sample);
  }
  statistics.sort();
  return [quantile(statistics, (1 - level) / 2), quantile(statistics, (1 + level) / 2)];
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Linear between the order statistics (Hyndman & Fan 1996, type 7). */
export function quantile(sorted: Float64Array, q: number): number {
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}
