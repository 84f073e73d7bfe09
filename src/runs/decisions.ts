import type { ModelCallEvent } from './records.js';

/** A decision on record. */
export interface RecordedDecision {
  readonly problem: string;
  readonly turn: number;
  readonly p: number;
  readonly rejected: boolean;
  readonly score: number | undefined;
}

/** The decisions among the model calls of a run, in the order in which they were made. */
export function decisionsOf(
  events: readonly Pick<ModelCallEvent, 'problem' | 'turn' | 'p' | 'rejected' | 'score'>[],
): RecordedDecision[] {
  return events.flatMap(({ problem, turn, p, rejected, score }) =>
    p === null || rejected === null ? [] : [{ problem, turn, p, rejected, score: score ?? undefined }],
  );
}
