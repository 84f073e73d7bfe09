import { groupBy } from '../group-by.js';

/** What barriers cost: the wall time of recorded chains under three schedules, at any number of slots. All pure. */

/**
 * One chain's own work, waiting left out. Its times are those of the load under which they were recorded: a replay asks
 * what barriers add to them, not how a server would slow down or speed up with other chains in flight.
 */
export interface TimedChain {
  readonly problem: string;
  /** Seconds of each of its turns. */
  readonly turns: readonly number[];
}

export interface ScheduleTimes {
  /** Chains in flight. */
  readonly slots: number;
  /** Seconds without a barrier. */
  readonly workConserving: number;
  /** Seconds with a barrier after each problem. */
  readonly perProblem: number;
  /** Seconds with a barrier after each turn of each problem. */
  readonly perTurn: number;
}

/**
 * Wall times of the three schedules. Problems go in the order in which they first appear, the chains of a problem in
 * the order given.
 *
 * True of all chains at any number of slots (test/profiler/barrier.test.ts):
 * - workConserving ≤ perProblem, since no slot of the one is free later than that of the other;
 * - workConserving ≥ max(longest chain, total/slots) and ≤ total/slots + (1 − 1/slots)·longest chain (Graham 1969, Bounds
 *   on multiprocessing timing anomalies, theorem 1);
 * - more slots never cost time, and one slot takes the total under every schedule.
 * perProblem ≤ perTurn only where a problem's chains all fit into the slots: with fewer, a barrier after each turn deals
 * the slots out anew and now and then packs better.
 */
export function scheduleTimes(chains: readonly TimedChain[], slots: number): ScheduleTimes {
  const groups = [...groupBy(chains, ({ problem }) => problem).values()];
  return {
    slots,
    workConserving: makespan(groups.flat().map(duration), slots),
    perProblem: sum(groups.map((group) => makespan(group.map(duration), slots))),
    perTurn: sum(groups.map((group) => lockStepTime(group, slots))),
  };
}

/** The schedules side by side, a row for each number of slots. */
export interface BarrierCost {
  readonly chains: number;
  readonly problems: number;
  readonly totalSeconds: number;
  readonly longestSeconds: number;
  readonly schedules: readonly ScheduleTimes[];
}

/** @param chains at least one */
export function barrierCost(chains: readonly TimedChain[], slots: readonly number[]): BarrierCost {
  const durations = chains.map(duration);
  return {
    chains: chains.length,
    problems: new Set(chains.map(({ problem }) => problem)).size,
    totalSeconds: sum(durations),
    longestSeconds: durations.reduce((longest, own) => Math.max(longest, own), 0),
    schedules: slots.map((count) => scheduleTimes(chains, count)),
  };
}

export function duration({ turns }: TimedChain): number {
  return sum(turns);
}

/** List scheduling, first in first out: every job starts on the slot that is free first. Seconds until the last ends. */
export function makespan(jobs: readonly number[], slots: number): number {
  const free = new Float64Array(Math.min(slots, jobs.length));
  let end = 0;
  for (const job of jobs) {
    // Linear in the slots: some hundred slots and some thousand chains take milliseconds.
    let first = 0;
    for (let slot = 1; slot < free.length; slot++) if (free[slot] < free[first]) first = slot;
    free[first] += job;
    end = Math.max(end, free[first]);
  }
  return end;
}

function lockStepTime(group: readonly TimedChain[], slots: number): number {
  const turns = Math.max(...group.map((chain) => chain.turns.length));
  const turnTimes = Array.from({ length: turns }, (_, turn) =>
    makespan(
      group.flatMap((chain) => chain.turns.slice(turn, turn + 1)),
      slots,
    ),
  );
  return sum(turnTimes);
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
