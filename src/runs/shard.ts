import { z } from 'zod';
import { AttsError } from '../errors.js';

/** `i/n`, i from 1 to n: the i-th of n runs that share a dataset between them. */
export const shardSchema = z
  .string()
  .regex(/^[1-9]\d*\/[1-9]\d*$/)
  .refine((shard) => placeOf(shard).index <= placeOf(shard).count)
  .describe('i/n, a whole number from 1 to n of so many shards, like 2/8');

/** `index` counts from 1. */
export function placeOf(shard: string): { readonly index: number; readonly count: number } {
  const [index, count] = shard.split('/').map(Number);
  return { index, count };
}

/**
 * The problems of a shard: every n-th one, from the i-th on, in their order; all of them without a shard. Datasets are
 * often sorted by subject or difficulty, so blocks would not be equally hard.
 * @throws AttsError `usage` where there are fewer problems than shards
 */
export function shardOf<T>(problems: readonly T[], shard: string | null): readonly T[] {
  if (shard === null) return problems;
  const { index, count } = placeOf(shard);
  if (count > problems.length) {
    throw new AttsError(
      'usage',
      `--shard ${shard}: ${problems.length} problems make ${problems.length} shards at most; choose fewer`,
    );
  }
  return problems.filter((_, i) => i % count === index - 1);
}
