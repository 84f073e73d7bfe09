import { randomStream } from '../../models/abacus/random.js';
import { quantile } from './quantile.js';

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

/** Of at least one value. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
