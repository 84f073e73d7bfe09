import type { Decision, ScoredChunk } from '../../conformal/calibrator.js';

/**
 * When a chain may go on. The chain asks after every step; a schedule without barriers answers at once, one with
 * barriers when the others have come as far. One code path serves both.
 */
export interface Pace {
  /** After a draft chunk that goes on to be scored, and after a turn. */
  arrive(): Promise<void>;
  /** Hands in a scored chunk and takes the decision on it. */
  decide(chunk: ScoredChunk): Promise<Decision>;
  /** The chain has ended, well or not: nobody waits for it any more. */
  leave(): void;
}

/** Runs one chain at the given pace. */
export type RunChain = (problem: number, sample: number, pace: Pace) => Promise<void>;

export interface ScheduleOptions {
  /** Chains to run, problem-major. */
  readonly chains: readonly { problem: number; sample: number }[];
  /** Chains in flight. */
  readonly concurrency: number;
  /** Decides on a group of chunks, one in `async`. */
  readonly decide: (group: readonly ScoredChunk[]) => Decision[];
  readonly run: RunChain;
}

/** Works through `items` in order, `width` at a time; the first failure ends it. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed) {
      try {
        await work(items[next++]);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
}
