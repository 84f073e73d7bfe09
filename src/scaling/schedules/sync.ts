import type { Decision, ScoredChunk } from '../../conformal/calibrator.js';
import { inParallel, type Pace, type ScheduleOptions } from './schedule.js';

/**
 * The synchronous baseline: the chains of a problem go in lock-step. All draft, barrier, all are scored, barrier, the
 * group is decided on in order of samples, the target continues the rejected, barrier. As many groups are in flight as
 * `concurrency` holds.
 */
export function runSync({ chains, concurrency, decide, run }: ScheduleOptions): Promise<void> {
  const groups = new Map<number, number[]>();
  for (const { problem, sample } of chains) groups.set(problem, [...(groups.get(problem) ?? []), sample]);
  const largest = Math.max(1, ...[...groups.values()].map((samples) => samples.length));
  return inParallel([...groups], Math.max(1, Math.floor(concurrency / largest)), ([problem, samples]) =>
    lockStep(samples, decide, (sample, pace) => run(problem, sample, pace)),
  );
}

/** Runs one chain for every member, all in step with each other. */
export async function lockStep<T>(
  members: readonly T[],
  decide: (group: readonly ScoredChunk[]) => Decision[],
  run: (member: T, pace: Pace) => Promise<void>,
): Promise<void> {
  const barrier = new Barrier(members.length, decide);
  const outcomes = await Promise.allSettled(members.map((member) => run(member, barrier.pace())));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

interface Waiting {
  readonly chunk: ScoredChunk | null;
  release(decision: Decision | null): void;
  fail(error: unknown): void;
}

/** Holds the chains of a group until all that are still running have arrived. */
class Barrier {
  private members: number;
  private readonly decideGroup: (group: readonly ScoredChunk[]) => Decision[];
  private waiting: Waiting[] = [];

  constructor(members: number, decideGroup: (group: readonly ScoredChunk[]) => Decision[]) {
    this.members = members;
    this.decideGroup = decideGroup;
  }

  pace(): Pace {
    return {
      arrive: async () => void (await this.wait(null)),
      decide: async (chunk) => (await this.wait(chunk)) as Decision,
      leave: () => {
        this.members--;
        this.releaseIfComplete();
      },
    };
  }

  private wait(chunk: ScoredChunk | null): Promise<Decision | null> {
    return new Promise((release, fail) => {
      this.waiting.push({ chunk, release, fail });
      this.releaseIfComplete();
    });
  }

  private releaseIfComplete(): void {
    if (this.waiting.length === 0 || this.waiting.length < this.members) return;
    // In order of samples, so that a rule that learns sees the same order whoever arrived first.
    const arrived = this.waiting.sort((a, b) => (a.chunk?.sample ?? 0) - (b.chunk?.sample ?? 0));
    this.waiting = [];
    const chunks = arrived.flatMap(({ chunk }) => (chunk ? [chunk] : []));
    try {
      const decisions = chunks.length > 0 ? this.decideGroup(chunks) : [];
      for (const { chunk, release } of arrived) release(chunk ? decisions[chunks.indexOf(chunk)] : null);
    } catch (error) {
      for (const { fail } of arrived) fail(error);
    }
  }
}
