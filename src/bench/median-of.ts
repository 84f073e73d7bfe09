import { median } from '../statistics/index.js';

/** Median of `repeats` measurements, after one that is not counted. */
export async function medianOf(repeats: number, measure: () => Promise<number> | number): Promise<number> {
  await measure();
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) times.push(await measure());
  return median(times);
}
