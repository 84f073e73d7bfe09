import { AttsError } from '../errors.js';
import { groupBy } from '../group-by.js';
import { passSeconds } from '../profiler/pass-fit.js';
import { coldSecondsOf, hostTimes, type PassTimes } from '../profiler/pass-times.js';
import { readLedger } from '../runs/ledger-file.js';
import type { Run } from '../runs/read.js';
import { chainKey, type ModelCallEvent } from '../runs/records.js';
import { median } from '../statistics/index.js';
import type { SimulationOptions } from './index.js';

/** What a run with `--profile` tells of the times of any other run of the same models on the same machine. */
export type RunTimes = Required<Pick<SimulationOptions, 'draft' | 'target' | 'host' | 'latencySeconds' | 'placement'>>;

/**
 * Pass times and the work between passes, as a run with `--profile` measured them. The simulated run compiles its code
 * as the measured one did.
 * @throws AttsError `usage` where the run was not profiled, or knows one model only
 */
export function runTimes({ path, events, manifest }: Run): RunTimes {
  const ledger = readLedger(path);
  if (!ledger?.models.draft || !ledger.models.target) {
    throw new AttsError('usage', `${path} tells no times of two models; make it with --method atts --profile`);
  }
  const { draft, target } = ledger.models;
  const { records } = ledger;
  const { placement } = manifest.config;
  const timers = { draft: timerOf(draft.times), target: timerOf(target.times) };
  if (placement === 'shared') {
    const host = hostTimes([draft.times.host, target.times.host], records);
    return { ...timers, placement, host: { draft: host, target: host }, latencySeconds: 0 };
  }
  const host = { draft: hostTimes([draft.times.host]), target: hostTimes([target.times.host]) };
  return { ...timers, placement, host, latencySeconds: callLatency(events) };
}

function timerOf(times: PassTimes): RunTimes['draft'] {
  return (pass, index) => passSeconds(times.coefficients, pass) + coldSecondsOf(times, index);
}

/** Seconds from the end of a chain's call on a thread to its next one, barriers left out: the median. */
function callLatency(events: readonly ModelCallEvent[]): number {
  const gaps = [...groupBy(events, chainKey).values()].flatMap((calls) =>
    calls.slice(1).map(({ queued, barrier }, i) => Math.max(0, queued - calls[i].finished - barrier) / 1000),
  );
  return gaps.length === 0 ? 0 : median(gaps);
}
