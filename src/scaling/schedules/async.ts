import { inParallel, type Pace, type ScheduleOptions } from './schedule.js';

/**
 * No barrier anywhere: one work-conserving queue of chains, `concurrency` in flight, each decision made the moment its
 * score is there.
 */
export function runAsync({ chains, concurrency, decide, run }: ScheduleOptions): Promise<void> {
  const pace: Pace = {
    arrive: async () => {},
    decide: async (chunk) => decide([chunk])[0],
    leave: () => {},
  };
  return inParallel(chains, concurrency, ({ problem, sample }) => run(problem, sample, pace));
}
