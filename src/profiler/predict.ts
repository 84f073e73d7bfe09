/** Time of a pass on a measured machine: every op under the roofs, and what it costs to start one. */
import { packedBytes, type WeightDtype } from '../../kernels/ops/linear/index.js';
import { isQuantised } from '../../kernels/ops/linear/quantise.js';
import { smallestShared } from '../../kernels/ops/linear/simd.js';
import type { PassTime } from './hardware.js';
import type { MachineRoofs } from './intensity.js';
import { type KnownLimits, peakOf, roofsOf } from './machine-limits.js';
import { largest } from './op-rates.js';
import { type ModelShape, type PassRows, passCosts, type StoredBytes, seenTokens, totalBytes } from './pass-cost.js';

/** What of a model decides its time. Bytes are those of weights as they are kept. */
export interface PredictedModel {
  readonly shape: ModelShape;
  /** Bytes of the layers' matrices by dtype. */
  readonly keptInLayers: Readonly<Partial<Record<WeightDtype, { readonly bytes: number }>>>;
  readonly headDtype: WeightDtype;
  readonly weightBytes: number;
  readonly cacheBytesPerToken: number;
}

/** Ops of a layer, and those around the layers: embedding, norm, head or log-probabilities, sampling. */
const ops = { layer: 5, around: 4 } as const;

/**
 * Sums what the ops take and what it costs to start them. An op takes as long as the machine was measured to take for
 * its kind of work: products of a dtype by their rows, norms and quantising of these rows before; exponentials of
 * activations and log-probabilities; attention's products and softmax. Work that is too little to be shared has one
 * thread. Sequences and tokens cost the engine's own work.
 *
 * A pass goes over all weights and the cached tokens that it reads. Where the last cache is too small for them, they come
 * from main memory, at the rates measured there: none up to a quarter of it (other programs use it as well), all from its
 * whole size on, linear between. Other ops take the longer of arithmetic and bytes (Williams et al. 2009).
 */
export function predictPass(limits: KnownLimits, model: PredictedModel, rows: PassRows): PassTime {
  const { shape, cacheBytesPerToken, weightBytes } = model;
  const { layers, hiddenSize: d, intermediateSize: f, heads, kvHeads, headDim, vocabSize: V } = shape;
  const { tokens, seen, read } = seenTokens(rows);
  const rates = ratesOf(limits, weightBytes + read * cacheBytesPerToken);
  let [computeSeconds, memorySeconds, overheadSeconds] = [0, 0, 0];
  /** So many times an op of so much arithmetic, that waits so long for memory besides. */
  const add = (count: number, compute: number, waiting: number, sharings = 0) => {
    computeSeconds += count * compute;
    memorySeconds += count * waiting;
    overheadSeconds += count * sharings * limits.handOverMicroseconds * 1e-6;
  };
  /** @param besides seconds of other arithmetic of the op on all threads */
  const product = (
    count: number,
    M: number,
    N: number,
    K: number,
    dtype: WeightDtype,
    hasNorm = false,
    besides = 0,
  ) => {
    const isShared = M * N * K >= smallestShared;
    const rowWork = (hasNorm ? rates.row('norm', M * K) : 0) + (isQuantised(dtype) ? rates.row('quantise', M * K) : 0);
    const { arithmetic, waiting } = rates.product(dtype, M, 2 * M * N * K);
    const compute = arithmetic + rowWork + besides;
    // A barrier stands between the rows' work and the product; that behind packing rows is left out.
    if (isShared) add(count, compute, waiting, rowWork > 0 ? 2 : 1);
    else add(count, compute * limits.threads, waiting);
  };
  for (const { dtype, share } of sharesOf(model.keptInLayers)) {
    const count = layers * share;
    product(count, tokens, (heads + 2 * kvHeads) * headDim, d, dtype, true);
    product(count, tokens, d, heads * headDim, dtype);
    product(count, tokens, 2 * f, d, dtype, true, rates.exponentials(tokens * f));
    product(count, tokens, d, f, dtype);
  }
  const scores = seen * heads;
  const attending = rates.attention(scores, headDim);
  const waiting = Math.max(0, rates.paged((read * cacheBytesPerToken) / layers) - attending);
  if (2 * scores * headDim >= smallestShared) add(layers, attending, waiting, 1);
  else add(layers, attending * limits.threads, waiting);
  if (rows.sampled > 0) product(1, rows.sampled, V, d, model.headDtype);
  if (rows.scored > 0) {
    product(1, rows.scored, V, d, model.headDtype, false, rates.exponentials(rows.scored * V));
  }
  const stored = { weight: 4, cache: cacheBytesPerToken / (2 * layers * kvHeads * headDim) };
  const { embedding, norm, rope, sample } = passCosts(shape, rows, stored);
  for (const cost of [embedding, norm, rope, sample]) {
    const [compute, memory] = [cost.flops / rates.registers, rates.read(totalBytes(cost))];
    add(1, compute, Math.max(0, memory - compute));
  }
  overheadSeconds += (ops.layer * layers + ops.around) * limits.opMicroseconds * 1e-6;
  overheadSeconds +=
    (rows.sampled * limits.sequenceMicroseconds + (tokens - rows.sampled) * limits.tokenMicroseconds) * 1e-6;
  const parts = { compute: computeSeconds, memory: memorySeconds, overhead: overheadSeconds };
  const bound = largest(parts);
  const seconds = computeSeconds + memorySeconds + overheadSeconds;
  return { seconds, computeSeconds, memorySeconds, overheadSeconds, bound };
}

const bytesOfWeight = (dtype: WeightDtype) => packedBytes(32, 128, dtype) / (32 * 128);

/** Shares of the layers' weights that each dtype keeps. */
function sharesOf(kept: PredictedModel['keptInLayers']): { dtype: WeightDtype; share: number }[] {
  const weights = (Object.entries(kept) as [WeightDtype, { bytes: number }][]).map(([dtype, { bytes }]) => {
    return { dtype, weights: bytes / bytesOfWeight(dtype) };
  });
  const all = weights.reduce((sum, own) => sum + own.weights, 0);
  return weights.map(({ dtype, weights }) => ({ dtype, share: weights / all }));
}

/** Seconds of work on all threads, where a pass goes over so many bytes. */
function ratesOf(limits: KnownLimits, workingSet: number) {
  const { peak: registers, bandwidth, levels } = roofsOf(limits);
  const lastCache = levels!.find(({ level }) => level === 'LLC')!;
  const fromMemory = Math.min(1, Math.max(0, (workingSet / lastCache.capacity! - 0.25) / 0.75));
  const between = (cached: number, inMemory: number) => cached + fromMemory * (inMemory - cached);
  const exponential = 1e9 * peakOf('exponential', limits);
  return {
    registers,
    exponentials: (count: number) => count / exponential,
    row: (work: 'norm' | 'quantise', values: number) =>
      values / (1e9 * limits.rows.find((roof) => roof.work === work)!.rate),
    product(dtype: WeightDtype, rows: number, flops: number) {
      const [arithmetic, inMemory] = (['L2', 'DRAM'] as const).map((level) => {
        const known = limits.products.filter((roof) => roof.dtype === dtype && roof.level === level);
        return flops / (1e9 * gflopsAt(known, rows));
      });
      return { arithmetic, waiting: Math.max(0, between(arithmetic, inMemory) - arithmetic) };
    },
    read: (bytes: number) => between(bytes / lastCache.bandwidth, bytes / bandwidth),
    attention: (scores: number, headDim: number) =>
      (4 * scores * headDim) / (1e9 * limits.attention.gflops) + scores / (1e9 * limits.attention.softmax),
    /** Cached tokens. */
    paged: (bytes: number) => between(bytes / lastCache.bandwidth, bytes / (1e9 * limits.attention.pagedReads)),
  };
}

/** A product's time is linear in rows between those that were measured, and goes on as the last. */
function gflopsAt(known: KnownLimits['products'], rows: number): number {
  const after = known.findIndex((roof) => roof.rows >= rows);
  if (after < 0) return known[known.length - 1].gflops;
  const [a, b] = [known[Math.max(0, after - 1)], known[after]];
  if (a === b) return a.gflops;
  const [timeA, timeB] = [a.rows / a.gflops, b.rows / b.gflops];
  return rows / (timeA + ((timeB - timeA) * (rows - a.rows)) / (b.rows - a.rows));
}

/** The least time that two roofs allow: the longer of each op's arithmetic and its bytes. */
export function rooflinePass(
  { peak, bandwidth }: MachineRoofs,
  shape: ModelShape,
  rows: PassRows,
  stored: StoredBytes,
): Pick<PassTime, 'seconds' | 'bound'> {
  let [seconds, memorySeconds] = [0, 0];
  for (const cost of Object.values(passCosts(shape, rows, stored))) {
    const [compute, memory] = [cost.flops / peak, totalBytes(cost) / bandwidth];
    seconds += Math.max(compute, memory);
    if (memory >= compute) memorySeconds += memory;
  }
  return { seconds, bound: memorySeconds > seconds / 2 ? 'memory' : 'compute' };
}
