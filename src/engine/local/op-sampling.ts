import { type OpClock, opClock } from '../../../kernels/op-clock.js';
import type { Phase } from '../pass-record.js';

/**
 * Chooses the passes whose ops are timed one by one: the first few of every phase, in which code is compiled, and from
 * there every so many-th. Nothing is drawn, so that a run repeats.
 */
export class OpSampling {
  private readonly counts = new Map<Phase, number>();
  private readonly every: number;

  constructor(every: number) {
    this.every = every;
  }

  /** A clock for the pass that is about to run; null where its ops are not timed. */
  clockFor(phase: Phase): OpClock | null {
    const count = this.counts.get(phase) ?? 0;
    this.counts.set(phase, count + 1);
    return count < this.every || count % this.every === 0 ? opClock.active() : null;
  }
}
