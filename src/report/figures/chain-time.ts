import { groupBy } from '../../group-by.js';
import type { Run } from '../../runs/read.js';
import { type ChainRecord, chainKey, type ModelCallEvent } from '../../runs/records.js';
import { type Activity, type Stretch, stretchesOf } from '../../runs/stretches.js';

export const activities = ['draft', 'score', 'target', 'barrier', 'queue'] as const satisfies readonly Activity[];

export const activityNames: Record<Activity, string> = {
  draft: 'draft writes',
  score: 'target scores',
  target: 'target writes',
  barrier: 'waits at a barrier',
  queue: 'waits in the queue',
};

export interface ChainTime {
  readonly chain: ChainRecord;
  readonly stretches: readonly Stretch[];
}

/** What every chain did when, in order of their starts. */
export function chainTimes({ chains, events }: Run): ChainTime[] {
  const byChain = groupBy(events, chainKey);
  return [...chains]
    .sort((a, b) => a.started - b.started)
    .map((chain) => ({ chain, stretches: timeOf(chain, byChain.get(chainKey(chain)) ?? []) }));
}

/** Milliseconds of each activity, summed over chains. */
export function totals(times: readonly ChainTime[]): Record<Activity, number> {
  const sums = { draft: 0, score: 0, target: 0, barrier: 0, queue: 0 };
  for (const { stretches } of times) for (const { activity, from, to } of stretches) sums[activity] += to - from;
  return sums;
}

function timeOf(chain: ChainRecord, events: readonly ModelCallEvent[]): Stretch[] {
  const stretches: Stretch[] = [];
  let atBarriers = 0;
  let end = chain.started;
  for (const call of events.toSorted((a, b) => a.queued - b.queued)) {
    stretches.push(...stretchesOf(call, end));
    atBarriers += call.barrier;
    end = call.finished;
  }
  // What no call came after: the barrier behind the last decision.
  const last = Math.min(chain.barrier - atBarriers, chain.finished - end);
  if (last > 0) stretches.push({ activity: 'barrier', from: end, to: end + last });
  return stretches;
}
