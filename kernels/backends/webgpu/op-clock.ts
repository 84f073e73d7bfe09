import type { OpClock, OpTime, PassOp } from '../../op-clock.js';

/** Queries that a set holds at most (WebGPU, GPUQuerySetDescriptor): two a compute pass. */
const mostQueries = 4096;

/** What a clock needs of the backend. */
export interface Stamped {
  readonly device: GPUDevice;
  endComputePassEncoder(): void;
  /** Values of a set's first queries, nanoseconds, once all that was recorded is done. */
  readStamps(set: GPUQuerySet, count: number): Promise<BigUint64Array>;
}

/** Times ops by the device's own clock: each gets compute passes of its own, with timestamps at their ends. */
export class TimestampClock implements OpClock {
  private readonly backend: Stamped;
  private readonly set: GPUQuerySet;
  /** Of every compute pass; null where it was no op's. */
  private readonly labels: (Omit<OpTime, 'seconds'> | null)[] = [];
  private begun = 0;
  private readonly onEnd: () => void;

  constructor(backend: Stamped, onEnd: () => void) {
    this.backend = backend;
    this.onEnd = onEnd;
    this.set = backend.device.createQuerySet({ type: 'timestamp', count: mostQueries });
    backend.endComputePassEncoder();
  }

  /** For the compute pass that is about to begin. */
  next(): GPUComputePassTimestampWrites {
    const query = 2 * this.begun++;
    return { querySet: this.set, beginningOfPassWriteIndex: query, endOfPassWriteIndex: query + 1 };
  }

  did(op: PassOp, layer: number | null = null): void {
    this.label({ op, layer });
  }

  skip(): void {
    this.label(null);
  }

  async times(): Promise<readonly OpTime[]> {
    this.skip();
    this.onEnd();
    try {
      const stamps = await this.backend.readStamps(this.set, 2 * this.begun);
      return this.labels.flatMap((label, i) =>
        label ? [{ ...label, seconds: Number(stamps[2 * i + 1] - stamps[2 * i]) / 1e9 }] : [],
      );
    } finally {
      this.set.destroy();
    }
  }

  private label(label: (typeof this.labels)[number]): void {
    this.backend.endComputePassEncoder();
    while (this.labels.length < this.begun) this.labels.push(label);
  }
}
