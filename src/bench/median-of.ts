import { median } from '../statistics/index.js';

/**
 * Median of `repeats` measurements, after one that is not counted.
 * @param budget milliseconds that all of them may take, as the one that is not counted took: fewer then, one at least
 */
export async function medianOf(
  repeats: number,
  measure: () => Promise<number> | number,
  budget = Number.POSITIVE_INFINITY,
): Promise<number> {
  const begun = performance.now();
  await measure();
  const count = Math.max(1, Math.min(repeats, Math.floor(budget / (performance.now() - begun))));
  const times: number[] = [];
  for (let i = 0; i < count; i++) times.push(await measure());
  return median(times);
}
