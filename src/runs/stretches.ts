import type { ModelCallEvent } from './records.js';

/** What a chain does at a moment. */
export type Activity = ModelCallEvent['kind'] | 'barrier' | 'queue';

/** A stretch of a chain's time, milliseconds since the run began. */
export interface Stretch {
  readonly activity: Activity;
  readonly from: number;
  readonly to: number;
}

/**
 * A call stands at the barrier, then in the engine's queue, then it runs.
 * @param since when the chain's call before it ended, or a time before it
 */
export function stretchesOf({ kind, queued, started, finished, barrier }: ModelCallEvent, since: number): Stretch[] {
  return [
    // The wait ends with the barrier, just before the call is queued.
    ...(barrier > 0 ? [{ activity: 'barrier' as const, from: Math.max(since, queued - barrier), to: queued }] : []),
    ...(started > queued ? [{ activity: 'queue' as const, from: queued, to: started }] : []),
    { activity: kind, from: started, to: finished },
  ];
}
