import { addCosts, type Cost } from '../../kernels/cost.js';
import type { PassRecord } from '../engine/pass-record.js';
import type { MachineRoofs } from './intensity.js';
import { type ModelShape, type PassOp, type PassRows, passCosts, type StoredBytes, totalBytes } from './pass-cost.js';
import { type PassTimes, PassWatch } from './pass-times.js';

/** What a pass does: writes one token each, takes up text, scores, or some of these side by side. */
export type Phase = 'decode' | 'prefill' | 'score' | 'mixed';

export interface PhaseWork {
  readonly passes: number;
  readonly rows: number;
  readonly seconds: number;
  readonly flops: number;
  readonly bytes: Cost['bytes'];
}

/** What a model has done, by phase and by op. */
export interface LedgerReport {
  readonly shape: ModelShape;
  readonly phases: Readonly<Partial<Record<Phase, PhaseWork>>>;
  readonly ops: Readonly<Record<PassOp, Cost>>;
  readonly total: PhaseWork;
  readonly times: PassTimes;
}

const nothing: PhaseWork = { passes: 0, rows: 0, seconds: 0, flops: 0, bytes: addCosts([]).bytes };

/** Adds up the passes of one model: what they cost by `pass-cost.ts`, and the time they took. */
export class Ledger {
  private readonly shape: ModelShape;
  private readonly stored: StoredBytes;
  private phases: Partial<Record<Phase, PhaseWork>> = {};
  private ops: Record<PassOp, Cost> | null = null;
  private timer = new PassWatch();

  constructor(shape: ModelShape, stored: StoredBytes) {
    this.shape = shape;
    this.stored = stored;
  }

  add(pass: PassRecord): void {
    this.timer.add(pass);
    const costs = passCosts(this.shape, pass, this.stored);
    const { flops, bytes } = addCosts(Object.values(costs));
    const rows = pass.sequences.reduce((sum, sequence) => sum + sequence.rows, 0);
    const phase = phaseOf(pass, rows);
    this.phases[phase] = sum(this.phases[phase] ?? nothing, { passes: 1, rows, seconds: pass.seconds, flops, bytes });
    const before = this.ops;
    this.ops = before
      ? (Object.fromEntries(
          (Object.keys(costs) as PassOp[]).map((op) => [op, addCosts([before[op], costs[op]])]),
        ) as Record<PassOp, Cost>)
      : costs;
  }

  clear(): void {
    this.phases = {};
    this.ops = null;
    this.timer = new PassWatch();
  }

  report(): LedgerReport {
    const total = Object.values(this.phases).reduce(sum, nothing);
    const none = passCosts(this.shape, { sequences: [], sampled: 0, scored: 0 }, { weight: 0, cache: 0 });
    return { shape: this.shape, phases: { ...this.phases }, ops: this.ops ?? none, total, times: this.timer.report() };
  }
}

function phaseOf({ sequences, sampled, scored }: PassRows, rows: number): Phase {
  if (scored > 0) return sampled > 0 ? 'mixed' : 'score';
  return rows === sequences.length ? 'decode' : 'prefill';
}

function sum(a: PhaseWork, b: PhaseWork): PhaseWork {
  const { bytes } = addCosts([
    { flops: 0, bytes: a.bytes },
    { flops: 0, bytes: b.bytes },
  ]);
  return {
    ...{ passes: a.passes + b.passes, rows: a.rows + b.rows, seconds: a.seconds + b.seconds },
    ...{ flops: a.flops + b.flops, bytes },
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
