/** Time of a pass on a measured machine: every op under the roofs, and what it costs to start one. */
import type { Cost } from '../../kernels/cost.js';
import type { MachineRoofs } from './intensity.js';
import { type KnownLimits, peakOf } from './machine-limits.js';
import { type ModelShape, type PassOp, type PassRows, passCosts, type StoredBytes, totalBytes } from './pass-cost.js';

export interface PredictedPass {
  readonly seconds: number;
  readonly computeSeconds: number;
  readonly memorySeconds: number;
  /** Ops with nothing to do would take as long. */
  readonly overheadSeconds: number;
  /** What most of the time goes to. */
  readonly bound: 'compute' | 'memory' | 'overhead';
}

/** Products with weights, which run at the rate of a large matrix of their dtype. */
const products: readonly PassOp[] = ['qkv', 'output', 'mlp', 'head', 'tokenLogProb'];
/** Jobs of a layer, and those around the layers: embedding, norm, head or log-probabilities, sampling. */
const jobs = { layer: 5, around: 4 } as const;

/**
 * The longer of each op's arithmetic and its bytes (Williams et al. 2009), and the start of its job. Bytes come from the
 * smallest cache that holds all weights, since every pass goes over all of them.
 * @param dtype how most weights are kept
 */
export function predictPass(
  limits: KnownLimits,
  shape: ModelShape,
  rows: PassRows,
  stored: StoredBytes,
  weightBytes: number,
  dtype: KnownLimits['matrices'][number]['dtype'],
): PredictedPass {
  const costs = passCosts(shape, rows, stored);
  const matrix = 1e9 * limits.matrices.find((roof) => roof.dtype === dtype)!.gflops;
  const registers = 1e9 * peakOf('float32', limits);
  const own = limits.memory.filter(({ threads }) => threads === limits.threads);
  const level = own.find(({ capacity }) => capacity === null || weightBytes <= capacity / 2) ?? own[own.length - 1];
  let [seconds, computeSeconds, memorySeconds] = [0, 0, 0];
  for (const [op, cost] of Object.entries(costs) as [PassOp, Cost][]) {
    const compute = cost.flops / (products.includes(op) ? matrix : registers);
    const memory = totalBytes(cost) / (level.read * 1e9);
    seconds += Math.max(compute, memory);
    if (compute > memory) computeSeconds += compute;
    else memorySeconds += memory;
  }
  const overheadSeconds = (jobs.layer * shape.layers + jobs.around) * limits.opMicroseconds * 1e-6;
  const parts = { compute: computeSeconds, memory: memorySeconds, overhead: overheadSeconds };
  const bound = (Object.keys(parts) as (keyof typeof parts)[]).reduce((a, b) => (parts[b] > parts[a] ? b : a));
  return { seconds: seconds + overheadSeconds, computeSeconds, memorySeconds, overheadSeconds, bound };
}

/** The least time that two roofs allow: the longer of each op's arithmetic and its bytes. */
export function rooflinePass(
  { peak, bandwidth }: MachineRoofs,
  shape: ModelShape,
  rows: PassRows,
  stored: StoredBytes,
): Pick<PredictedPass, 'seconds' | 'bound'> {
  let [seconds, memorySeconds] = [0, 0];
  for (const cost of Object.values(passCosts(shape, rows, stored))) {
    const [compute, memory] = [cost.flops / peak, totalBytes(cost) / bandwidth];
    seconds += Math.max(compute, memory);
    if (memory >= compute) memorySeconds += memory;
  }
  return { seconds, bound: memorySeconds > seconds / 2 ? 'memory' : 'compute' };
}
