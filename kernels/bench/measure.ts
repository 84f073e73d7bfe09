import type { Cost } from '../cost.js';
import { isQuantised } from '../ops/linear/quantise.js';

/** One thing to time: an op at a shape. */
export interface BenchCase {
  readonly op: string;
  readonly dtype: string;
  /** Rows of the pass: tokens. */
  readonly rows: number;
  readonly shape: string;
  readonly cost: Cost;
  /** Makes what it works on, which of a large case takes seconds. */
  prepare(): PreparedCase;
}

/** A case whose weights and inputs are there. */
export interface PreparedCase {
  /** Runs it once. */
  run(): void;
  dispose(): void;
}

/** The machine's limits, measured in the same process, by the same threads, on the same memory. */
export interface Roofs {
  /** Read bandwidth of memory that no cache holds, GB/s. */
  readonly bandwidth: number;
  /** Multiply-adds in registers, GFLOP/s, float32, by the instruction of the build. */
  readonly peak: number;
  /** Those of quantised weights, where a backend multiplies them in another way. */
  readonly integers?: IntegerRoofs;
}

/** What int8 weights × 16-bit activations reach at most, GFLOP/s. */
export interface IntegerRoofs {
  /** Products of 16-bit integers and their sums, in registers. */
  readonly products: number;
  /** The same as 64 rows need it, in the first cache: weights widened once, operands loaded, a scale every 32 k. */
  readonly peak: number;
}

/** One row of 4-bit weights × 16-bit activations, GFLOP/s. */
export interface OneRowRoofs {
  /** Values taken apart, multiplied and summed, in registers. */
  readonly products: number;
  /** The same with loads, and scales and minima every 32 k, in the first cache. */
  readonly peak: number;
}

export interface BenchResult {
  readonly op: string;
  readonly dtype: string;
  readonly rows: number;
  readonly shape: string;
  readonly ms: number;
  readonly gflops: number;
  readonly gbs: number;
  /** Which roof is the lower one for this case; a peak is that of its dtype. */
  readonly limit: 'bandwidth' | 'peak';
  /** That roof, GB/s or GFLOP/s. */
  readonly roof: number;
  /** The least time that the roofs allow, over the time taken. */
  readonly ratio: number;
}

/** A time and how much it moved. */
export interface Timed {
  /** Median of the repeats. */
  readonly ms: number;
  /** The fastest: what nothing else disturbed. */
  readonly best: number;
  /** Distance of their quartiles over the median. */
  readonly noise: number;
}

/**
 * Median time of a call, milliseconds: repeats of at least `least` ms each, after one that is not counted.
 * @param repeats odd
 */
export function medianTime(run: () => void, repeats = 7, least = 40): number {
  return timed(run, repeats, least).ms;
}

/** The same with its noise. */
export function timed(run: () => void, repeats = 7, least = 40): Timed {
  const once = time(run, 1);
  const calls = Math.max(1, Math.min(100_000, Math.ceil(least / Math.max(once, 1e-4))));
  time(run, calls);
  const times = Array.from({ length: repeats }, () => time(run, calls)).sort((a, b) => a - b);
  const at = (share: number) => times[Math.round(share * (repeats - 1))];
  return { ms: at(0.5), best: times[0], noise: (at(0.75) - at(0.25)) / at(0.5) };
}

/** Runs it until the compilers are done with what it calls. */
export function warmUp(run: () => void, milliseconds = 500): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) run();
}

function time(run: () => void, calls: number): number {
  const started = performance.now();
  for (let i = 0; i < calls; i++) run();
  return (performance.now() - started) / calls;
}

export function measure(bench: BenchCase, roofs: Roofs): BenchResult {
  const { run, dispose } = bench.prepare();
  const ms = medianTime(run);
  dispose();
  return againstRoofs(bench, ms, roofs);
}

/** Work done in `ms` beside the least time that the roofs allow for it. */
export function againstRoofs(
  { op, dtype, rows, shape, cost }: Omit<BenchCase, 'prepare'>,
  ms: number,
  roofs: Roofs,
): BenchResult {
  const bytes = cost.bytes.weights + cost.bytes.activations + cost.bytes.cache;
  const byBandwidth = bytes / roofs.bandwidth / 1e6; // ms
  const peak = isQuantised(dtype) ? (roofs.integers?.peak ?? roofs.peak) : roofs.peak;
  const byPeak = cost.flops / peak / 1e6;
  const [limit, roof] = byBandwidth > byPeak ? (['bandwidth', roofs.bandwidth] as const) : (['peak', peak] as const);
  return {
    ...{ op, dtype, rows, shape, ms },
    ...{ gflops: cost.flops / ms / 1e6, gbs: bytes / ms / 1e6 },
    ...{ limit, roof, ratio: Math.max(byBandwidth, byPeak) / ms },
  };
}
