import type { OpTime } from '../../kernels/op-clock.js';

/** Rows of one sequence in a pass: `rows` tokens after `cached` ones that are in the KV cache. */
export interface SequenceRows {
  readonly cached: number;
  readonly rows: number;
}

/** What is in a pass. */
export interface PassRows {
  readonly sequences: readonly SequenceRows[];
  /** Rows whose logits are made and sampled from. */
  readonly sampled: number;
  /** Rows whose next token's log-probability is asked for. */
  readonly scored: number;
}

/** What a pass does: writes one token each, takes up text, scores, or scores beside others that write. */
export const phases = ['decode', 'prefill', 'score', 'mixed'] as const;
export type Phase = (typeof phases)[number];

export function phaseOf({
  sequences,
  sampled,
  scored,
}: Omit<PassRows, 'sequences'> & { readonly sequences: readonly Pick<SequenceRows, 'rows'>[] }): Phase {
  if (scored > 0) return sampled > 0 ? 'mixed' : 'score';
  return sequences.every(({ rows }) => rows === 1) ? 'decode' : 'prefill';
}

/** What one forward pass of a local engine did. */
export interface PassRecord extends PassRows {
  /** Milliseconds, on the clock of `performance.now()`. */
  readonly started: number;
  /** KV pages that sequences hold. */
  readonly pages: number;
  /** Choosing and settling its requests left out. */
  readonly seconds: number;
  /**
   * Seconds before it in which the device had requests and ran no pass: settling the last pass, whatever waited for its
   * results, and choosing this one.
   */
  readonly hostSeconds: number;
  /** Requests that ended with the pass before it on its device. */
  readonly ended: number;
  /** Of its ops one by one; absent where they were not timed, as those of most passes. */
  readonly ops?: readonly OpTime[];
}

export type PassListener = (pass: PassRecord) => void;
