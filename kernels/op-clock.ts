import { PerBackend } from './tfjs.js';

/** The ops of a decoder's forward pass. A norm before a product and what is added behind it are parts of the product. */
export const passOps = [
  'embedding',
  'qkv',
  'rope',
  'attention',
  'output',
  'mlp',
  'norm',
  'head',
  'sample',
  'tokenLogProb',
] as const;
export type PassOp = (typeof passOps)[number];

/** What one op of a pass took. */
export interface OpTime {
  readonly op: PassOp;
  /** Null for ops around the layers. */
  readonly layer: number | null;
  readonly seconds: number;
}

/** Times the ops of one pass: whoever runs them says after each which it was. */
export interface OpClock {
  /** What ran since the last call was this op. */
  did(op: PassOp, layer?: number): void;
  /** What ran since the last call was no op. */
  skip(): void;
  /** Of every op in order, once the pass is over. */
  times(): Promise<readonly OpTime[]>;
}

/** For backends whose ops are done when their call returns: one look at the clock an op. */
class CallClock implements OpClock {
  private readonly spans: OpTime[] = [];
  private last = performance.now();

  did(op: PassOp, layer: number | null = null): void {
    const now = performance.now();
    this.spans.push({ op, layer, seconds: (now - this.last) / 1000 });
    this.last = now;
  }

  skip(): void {
    this.last = performance.now();
  }

  async times(): Promise<readonly OpTime[]> {
    return this.spans;
  }
}

/** A clock for the next pass on the active backend; null where it cannot tell one op from another. */
export const opClock = new PerBackend<() => OpClock | null>(() => new CallClock());
