/** Everything that this machine gives, by dtype, by cache and by threads: measured with the kernels' threads and memory. */
import { readFileSync } from 'node:fs';
import { simd } from '../backends/simd/index.js';
import { chainsCase } from '../ops/attention/bench.js';
import { linearCase } from '../ops/linear/bench.js';
import { type WeightDtype, weightDtypes } from '../ops/linear/index.js';
import { timed, warmUp } from './measure.js';
import { measureProducts, type ProductRoof, type RowRoof } from './products.js';
import { emptyJob, operations } from './roofs.js';

/**
 * `int16`: products of 16-bit integers, which quantised weights are multiplied by. `exponential`: those of softmax and
 * of activations, one operation each.
 */
export interface PeakRoof {
  readonly arithmetic: 'float32' | 'int16' | 'exponential';
  readonly threads: number;
  readonly gflops: number;
  readonly noise: number;
}

/** A product of many rows with a large matrix. */
export interface MatrixRoof {
  readonly dtype: WeightDtype;
  readonly gflops: number;
  readonly noise: number;
}

export interface MemoryRoof {
  readonly level: 'L1' | 'L2' | 'LLC' | 'DRAM';
  /** What the level holds, of all threads together, bytes; null for main memory. */
  readonly capacity: number | null;
  readonly threads: number;
  /** GB/s; a copy counts what is read and what is written. */
  readonly read: number;
  readonly copy: number;
  /** The larger one of both. */
  readonly noise: number;
}

/** One token each of many chains, on all threads. */
export interface AttentionRoof {
  /** Products of queries with keys and of weights with values. */
  readonly gflops: number;
  /** What else a score needs, its exponential above all: scores, 10⁹ a second. */
  readonly softmax: number;
  /** Keys and values in main memory, page after page, GB/s. */
  readonly pagedReads: number;
  /** The largest one. */
  readonly noise: number;
}

export interface MachineLimits {
  readonly build: string;
  readonly threads: number;
  readonly peaks: readonly PeakRoof[];
  readonly matrices: readonly MatrixRoof[];
  readonly products: readonly ProductRoof[];
  readonly rows: readonly RowRoof[];
  readonly memory: readonly MemoryRoof[];
  readonly attention: AttentionRoof;
  /** A job that does nothing on all threads, less one on the caller's alone: what sharing it costs, microseconds. */
  readonly handOverMicroseconds: number;
}

const repeats = 5;
const least = 20;
const iterations = 2 ** 21;

/** A limit is the best of its repeats. The simd backend must be the active one. Takes some twenty seconds. */
export function measureLimits(): MachineLimits {
  const { pool, build } = simd();
  const counts = [...new Set([1, pool.threads])];
  return {
    ...{ build: `${build.name}-${build.hash}`, threads: pool.threads },
    peaks: counts.flatMap((threads) => [
      peak('float32', threads),
      peak('int16', threads),
      peak('exponential', threads),
    ]),
    matrices: weightDtypes.map((dtype) => {
      const { cost, prepare } = linearCase(256, 2048, 2048, dtype);
      const { run, dispose } = prepare();
      const { best, noise } = timed(run, repeats, least);
      dispose();
      return { dtype, gflops: cost.flops / best / 1e6, noise };
    }),
    ...measureProducts(pool.threads, beyondCaches()),
    memory: counts.flatMap((threads) => levels(threads).map((level) => memory(level, threads))),
    attention: measureAttention(),
    handOverMicroseconds: Math.max(0, 1000 * (emptyJob(pool.threads).best - emptyJob(1).best)),
  };
}

function peak(arithmetic: PeakRoof['arithmetic'], threads: number): PeakRoof {
  const { pool, heap } = simd();
  const result = heap.allocate(64);
  const operands = [iterations, 3, result.pointer];
  const run = {
    float32: () => pool.run('peak', operands, { 1: 0.5 }, threads),
    int16: () => pool.run('peak16', operands, undefined, threads),
    exponential: () => pool.run('peakExp', operands, { 1: 0.01 }, threads),
  }[arithmetic];
  const { best, noise } = timed(run, repeats, least);
  heap.release(result);
  return { arithmetic, threads, gflops: (iterations * operations[arithmetic]) / best / 1e6, noise };
}

/** What a score takes for each of a head's dimensions, and what for its softmax, from heads of two sizes. */
function measureAttention(): AttentionRoof {
  const { threads } = simd().pool;
  const measured = (chains: number, headDim: number) => {
    const { prepare, cost, scores } = chainsCase(chains, headDim);
    const { run, dispose } = prepare();
    warmUp(run, 200);
    const found = { ...timed(run, repeats, least), bytes: cost.bytes.cache, scores };
    dispose();
    return found;
  };
  // Few enough for the last cache, and more than it holds.
  const [narrow, wide] = [32, 128].map((headDim) => measured(32 * threads, headDim));
  const paged = measured(Math.ceil(beyondCaches() / ((2 * narrow.bytes) / (32 * threads))), 64);
  const [ofNarrow, ofWide] = [narrow, wide].map(({ best, scores }) => best / scores);
  const ofDimension = Math.max((ofWide - ofNarrow) / (128 - 32), ofWide / 256);
  return {
    gflops: 4 / ofDimension / 1e6,
    softmax: 1 / Math.max(ofNarrow - 32 * ofDimension, ofNarrow / 10) / 1e6,
    pagedReads: paged.bytes / paged.best / 1e6,
    noise: Math.max(narrow.noise, wide.noise, paged.noise),
  };
}

interface Level {
  readonly level: MemoryRoof['level'];
  readonly capacity: number | null;
  /** Bytes that each thread goes over. */
  readonly bytes: number;
}

/** Half of a cache, so that it holds them; a quarter of the last one, which other programs use as well. */
function levels(threads: number): Level[] {
  const [l1, l2, llc] = cacheSizes();
  const whole = (bytes: number) => Math.max(256, Math.floor(bytes / 256) * 256);
  return [
    { level: 'L1', capacity: threads * l1, bytes: whole(l1 / 2) },
    { level: 'L2', capacity: threads * l2, bytes: whole(l2 / 2) },
    { level: 'LLC', capacity: llc, bytes: whole(llc / 4 / threads) },
    { level: 'DRAM', capacity: null, bytes: whole(2 ** 28 / threads) },
  ];
}

function memory({ level, capacity, bytes }: Level, threads: number): MemoryRoof {
  const { pool, heap } = simd();
  const block = heap.allocate(threads * bytes);
  const result = heap.allocate(4 * threads);
  // Memory that was never written has no pages of its own to read.
  heap.float32(block.pointer, (threads * bytes) / 4).fill(1);
  // So many sweeps that starting the job does not count.
  const sweeps = Math.max(1, Math.round(2 ** 24 / bytes));
  const rate = (copy: 0 | 1) => {
    const operands = [block.pointer, bytes, sweeps, copy, result.pointer];
    const { best, noise } = timed(() => pool.run('sweep', operands, undefined, threads), repeats, least);
    return { rate: (sweeps * threads * bytes) / best / 1e6, noise };
  };
  const [read, copy] = [rate(0), rate(1)];
  heap.release(block);
  heap.release(result);
  return { level, capacity, threads, read: read.rate, copy: copy.rate, noise: Math.max(read.noise, copy.noise) };
}

/** Bytes that come from main memory, of which no sensible measurement goes over more. */
const beyondCaches = () => Math.min(1.5 * cacheSizes()[2], 2 ** 28);

/** Bytes of the first, second and last cache: what Linux tells, else what most processors have. */
function cacheSizes(): [number, number, number] {
  const size = (index: number) => {
    try {
      const text = readFileSync(`/sys/devices/system/cpu/cpu0/cache/index${index}/size`, 'utf8');
      return Number.parseInt(text, 10) * 1024;
    } catch {
      return Number.NaN;
    }
  };
  // index0 and index1 are the first cache's data and instructions.
  const [l1, l2, llc] = [size(0), size(2), size(3)];
  return [l1 || 2 ** 15, l2 || 2 ** 19, llc || 2 ** 23];
}
