import type { PassRecord } from '../engine/pass-record.js';

/** What a pass had in it, at a moment. */
export interface PassSample {
  /** Milliseconds, on the clock of `performance.now()`. */
  readonly started: number;
  readonly rows: number;
  /** KV pages that sequences held. */
  readonly pages: number;
}

const most = 10_000;

/** The passes of a run in order, every one or every 2ⁿth, so that a long run stays small. */
export class PassSeries {
  private samples: PassSample[] = [];
  private stride = 1;
  private count = 0;

  add({ started, sequences, pages }: PassRecord): void {
    if (this.count++ % this.stride !== 0) return;
    this.samples.push({ started, rows: sequences.reduce((sum, { rows }) => sum + rows, 0), pages });
    if (this.samples.length < most) return;
    this.samples = this.samples.filter((_, i) => i % 2 === 0);
    this.stride *= 2;
  }

  clear(): void {
    this.samples = [];
    this.stride = 1;
    this.count = 0;
  }

  report(): readonly PassSample[] {
    return [...this.samples];
  }
}
