/** What ops reached of what the machine gives, and what bounds them (Williams et al. 2009). All pure. */
import { addCosts, type Cost } from '../../kernels/cost.js';
import type { PassOp } from '../../kernels/op-clock.js';
import type { MachineRoofs } from './intensity.js';
import type { OpCost } from './op-costs.js';
import { totalBytes } from './pass-cost.js';

export const bounds = ['memory', 'compute', 'overhead'] as const;
export type Bound = (typeof bounds)[number];

/** Work beside the time it took; null where that was not measured. */
export interface Rates {
  /** FLOP / byte. */
  readonly intensity: number;
  readonly gflops: number | null;
  readonly gbytes: number | null;
  /** The least time that the roofs allow, over the time taken. */
  readonly roofShare: number | null;
  /** What takes longest where nothing goes on at once: the arithmetic, the bytes, or starting the op. */
  readonly bound: Bound;
}

export interface OpWork extends OpCost, Rates {
  readonly seconds: number | null;
  /** The least time that the roofs allow. */
  readonly roofSeconds: number;
}

/** Ops whose quantised weights are multiplied as 16-bit integers. */
const products: readonly PassOp[] = ['qkv', 'output', 'mlp', 'head', 'tokenLogProb'];

/**
 * Bytes come from the smallest cache that holds the model's weights twice over, since every pass goes over all of them.
 * @param weightBytes of the whole model
 * @param seconds of all passes that ran it
 */
export function opWork(cost: OpCost, seconds: number | null, roofs: MachineRoofs, weightBytes: number): OpWork {
  const { peak, int16Peak = peak, opSeconds = 0 } = roofs;
  const isQuantised = products.includes(cost.op) && cost.dtype.split(' + ').every((dtype) => dtype.startsWith('q'));
  const parts = {
    memory: totalBytes(cost) / bandwidthFor(roofs, weightBytes),
    compute: cost.flops / (isQuantised ? int16Peak : peak),
    overhead: cost.passes * opSeconds,
  };
  const roofSeconds = Math.max(parts.memory, parts.compute);
  return { ...cost, seconds, roofSeconds, ...ratesOf(cost, seconds, roofSeconds), bound: largest(parts) };
}

/** Bytes/s. */
function bandwidthFor({ bandwidth, levels = [] }: MachineRoofs, weightBytes: number): number {
  const level = levels.find(({ capacity }) => capacity && weightBytes <= capacity / 2);
  return level?.bandwidth ?? bandwidth;
}

/** Ops together. */
export interface OpSum extends Cost, Rates {
  readonly seconds: number | null;
  readonly roofSeconds: number;
}

/** They are bound by what bounds most of their time; where that is not known, most of their least time. */
export function sumOps(ops: readonly OpWork[]): OpSum {
  const cost = addCosts(ops);
  const isTimed = ops.every(({ seconds }) => seconds !== null);
  const seconds = isTimed ? ops.reduce((sum, op) => sum + (op.seconds ?? 0), 0) : null;
  const roofSeconds = ops.reduce((sum, op) => sum + op.roofSeconds, 0);
  const parts = { memory: 0, compute: 0, overhead: 0 };
  for (const op of ops) parts[op.bound] += op.seconds ?? op.roofSeconds;
  return { ...cost, seconds, roofSeconds, ...ratesOf(cost, seconds, roofSeconds), bound: largest(parts) };
}

function ratesOf(cost: Cost, seconds: number | null, roofSeconds: number): Omit<Rates, 'bound'> {
  const bytes = totalBytes(cost);
  const per = (quantity: number) => (seconds ? quantity / seconds : null);
  return {
    intensity: bytes > 0 ? cost.flops / bytes : 0,
    gflops: per(cost.flops / 1e9),
    gbytes: per(bytes / 1e9),
    roofShare: per(roofSeconds),
  };
}

export function largest(parts: Readonly<Record<Bound, number>>): Bound {
  return (Object.keys(parts) as Bound[]).reduce((a, b) => (parts[b] > parts[a] ? b : a));
}
