import { addCosts, type Cost } from '../../kernels/cost.js';
import type { PassOp } from '../../kernels/op-clock.js';
import { type PassRecord, type Phase, phaseOf } from '../engine/pass-record.js';
import type { MachineRoofs } from './intensity.js';
import { countPass, type ModelOps, noPasses, opCosts, type PassCounts } from './op-costs.js';
import { type OpWork, opWork } from './op-rates.js';
import { type ModelShape, totalBytes } from './pass-cost.js';
import { type PassTimes, PassWatch } from './pass-times.js';

/** A profiled run times the ops of every so many-th pass: no divisor of the usual lengths of chunks, to meet all passes. */
export const timedPassEvery = 7;

export interface PassSums {
  readonly passes: number;
  readonly rows: number;
  readonly seconds: number;
  readonly flops: number;
  readonly bytes: Cost['bytes'];
}

export interface PhaseWork extends PassSums {
  /** Passes whose ops were timed one by one. */
  readonly timedPasses: number;
  /** What passes took beyond their ops: what lies between these, and reading the results. Null where none was timed. */
  readonly betweenSeconds: number | null;
}

export interface LedgerOp extends OpWork {
  readonly phase: Phase;
}

/** What a model has done, by phase, and op by op. */
export interface LedgerReport {
  readonly shape: ModelShape;
  readonly phases: Readonly<Partial<Record<Phase, PhaseWork>>>;
  readonly ops: readonly LedgerOp[];
  /** Why ops have no times; null where they have. */
  readonly untimed: string | null;
  readonly total: PassSums;
  readonly times: PassTimes;
}

/** Passes whose ops were timed one by one. */
interface TimedPasses {
  passes: number;
  seconds: number;
  readonly ops: Map<string, number>;
}

interface PhaseSums {
  readonly counts: PassCounts;
  seconds: number;
  /** All of its first passes, up to one that was not timed so. They compile the code, and stand for themselves. */
  readonly first: TimedPasses;
  /** Of the others, those that stand for all. */
  readonly sampled: TimedPasses;
}

const opKey = (op: PassOp, layer: number | null) => `${op} ${layer}`;

/**
 * Adds up the passes of one model: what their ops cost by `op-costs.ts`, and the time they took. Every pass is timed as a
 * whole; the shares of ops in the passes where these are timed one by one stand for all passes of their phase.
 */
export class Ledger {
  private readonly model: ModelOps;
  private readonly roofs: MachineRoofs;
  private readonly phases = new Map<Phase, PhaseSums>();
  private timer = new PassWatch();

  constructor(model: ModelOps, roofs: MachineRoofs) {
    this.model = model;
    this.roofs = roofs;
  }

  add(pass: PassRecord): void {
    this.timer.add(pass);
    const sums = this.sumsOf(phaseOf(pass));
    const isFirst = sums.first.passes === sums.counts.passes;
    countPass(sums.counts, pass);
    sums.seconds += pass.seconds;
    if (!pass.ops) return;
    const timed = isFirst ? sums.first : sums.sampled;
    timed.passes++;
    timed.seconds += pass.seconds;
    for (const { op, layer, seconds } of pass.ops) {
      const key = opKey(op, layer);
      timed.ops.set(key, (timed.ops.get(key) ?? 0) + seconds);
    }
  }

  clear(): void {
    this.phases.clear();
    this.timer = new PassWatch();
  }

  report(): LedgerReport {
    const phases: Partial<Record<Phase, PhaseWork>> = {};
    const ops: LedgerOp[] = [];
    const { layers, head } = this.model.weights;
    const weightBytes = layers.reduce(
      (sum, { qkv, output, mlp }) => sum + qkv.bytes + output.bytes + mlp.bytes,
      head.bytes,
    );
    for (const [phase, sums] of this.phases) {
      const { counts, seconds } = sums;
      const costs = opCosts(this.model, counts);
      const secondsOf = opSeconds(sums);
      const own = costs.map((cost): LedgerOp => {
        const taken = secondsOf?.(opKey(cost.op, cost.layer)) ?? null;
        return { phase, ...opWork(cost, taken, this.roofs, weightBytes) };
      });
      ops.push(...own);
      const { flops, bytes } = addCosts(costs);
      const inOps = own.reduce((sum, op) => sum + (op.seconds ?? 0), 0);
      phases[phase] = {
        ...{ passes: counts.passes, rows: counts.rows, seconds, flops, bytes },
        ...{ timedPasses: sums.first.passes + sums.sampled.passes, betweenSeconds: secondsOf && seconds - inOps },
      };
    }
    const untimed =
      ops.length > 0 && ops.every(({ seconds }) => seconds === null) ? 'the device tells no times of single ops' : null;
    const { shape } = this.model;
    return { shape, phases, ops, untimed, total: sumPasses(Object.values(phases)), times: this.timer.report() };
  }

  private sumsOf(phase: Phase): PhaseSums {
    const known = this.phases.get(phase);
    if (known) return known;
    const none = (): TimedPasses => ({ passes: 0, seconds: 0, ops: new Map() });
    const sums = { counts: noPasses(), seconds: 0, first: none(), sampled: none() };
    this.phases.set(phase, sums);
    return sums;
  }
}

/** Seconds of an op in all passes of a phase; null where none was timed op by op. */
function opSeconds({ seconds, first, sampled }: PhaseSums): ((key: string) => number) | null {
  if (first.seconds + sampled.seconds === 0) return null;
  const of = ({ ops }: TimedPasses, key: string) => ops.get(key) ?? 0;
  if (sampled.seconds === 0) return (key) => (of(first, key) * seconds) / first.seconds;
  return (key) => of(first, key) + (of(sampled, key) * (seconds - first.seconds)) / sampled.seconds;
}

function sumPasses(parts: readonly PassSums[]): PassSums {
  const sum = (of: (part: PassSums) => number) => parts.reduce((total, part) => total + of(part), 0);
  return {
    ...{ passes: sum(({ passes }) => passes), rows: sum(({ rows }) => rows), seconds: sum(({ seconds }) => seconds) },
    ...addCosts(parts),
  };
}

/** Times of the roofline (Williams et al. 2009) and the intensities of a run, from all that its models did. */
export interface RunWork {
  readonly flops: number;
  readonly bytes: number;
  /** At the measured peak. */
  readonly computeSeconds: number;
  /** At the measured bandwidth. */
  readonly memorySeconds: number;
}

export function workOf(reports: readonly Pick<LedgerReport, 'total'>[], { peak, bandwidth }: MachineRoofs): RunWork {
  const flops = reports.reduce((total, { total: own }) => total + own.flops, 0);
  const bytes = reports.reduce((total, { total: own }) => total + totalBytes(own), 0);
  return { flops, bytes, computeSeconds: flops / peak, memorySeconds: bytes / bandwidth };
}
