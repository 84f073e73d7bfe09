import { groupBy } from '../../group-by.js';
import type { Run } from '../../runs/read.js';
import { type ChainRecord, chainKey, type ModelCallEvent } from '../../runs/records.js';

/** What a chain does at a moment. */
export const activities = ['draft', 'score', 'target', 'barrier', 'queue'] as const;

export type Activity = (typeof activities)[number];

export const activityNames: Record<Activity, string> = {
  draft: 'draft writes',
  score: 'target scores',
  target: 'target writes',
  barrier: 'waits at a barrier',
  queue: 'waits in the queue',
};

/** A stretch of a chain's time, milliseconds since the run began. */
export interface Stretch {
  readonly activity: Activity;
  readonly from: number;
  readonly to: number;
}

export interface ChainTime {
  readonly chain: ChainRecord;
  readonly stretches: readonly Stretch[];
}

/** What every chain did when, in order of their starts. */
export function chainTimes({ chains, events }: Run): ChainTime[] {
  const byChain = groupBy(events, chainKey);
  return [...chains]
    .sort((a, b) => a.started - b.started)
    .map((chain) => ({ chain, stretches: stretchesOf(chain, byChain.get(chainKey(chain)) ?? []) }));
}

/** Milliseconds of each activity, summed over chains. */
export function totals(times: readonly ChainTime[]): Record<Activity, number> {
  const sums = { draft: 0, score: 0, target: 0, barrier: 0, queue: 0 };
  for (const { stretches } of times) for (const { activity, from, to } of stretches) sums[activity] += to - from;
  return sums;
}

/** A call stands at the barrier, then in the engine's queue, then it runs. */
function stretchesOf(chain: ChainRecord, events: readonly ModelCallEvent[]): Stretch[] {
  const stretches: Stretch[] = [];
  let atBarriers = 0;
  let end = chain.started;
  for (const { kind, queued, started, finished, barrier } of [...events].sort((a, b) => a.queued - b.queued)) {
    // The wait ends with the barrier, just before the next call is queued.
    if (barrier > 0) stretches.push({ activity: 'barrier', from: Math.max(end, queued - barrier), to: queued });
    if (started > queued) stretches.push({ activity: 'queue', from: queued, to: started });
    stretches.push({ activity: kind, from: started, to: finished });
    atBarriers += barrier;
    end = finished;
  }
  // What no call came after: the barrier behind the last decision.
  const last = Math.min(chain.barrier - atBarriers, chain.finished - end);
  if (last > 0) stretches.push({ activity: 'barrier', from: end, to: end + last });
  return stretches;
}
