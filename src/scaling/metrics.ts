import type { Calibrator, Diagnostics } from '../conformal/index.js';
import { groupBy } from '../group-by.js';
import type { RunConfig } from '../runs/config.js';
import type { ChainRecord, Summary } from '../runs/records.js';
import { clusteredBootstrap, mean } from '../statistics/index.js';
import type { Grader } from '../tasks/grader.js';
import { ballotOf, majAt, passAt } from '../tasks/metrics.js';
import type { Problem } from '../tasks/problem.js';

/**
 * mean@1, and pass@k and maj@k for k = 1, 2, 4 … samples, averaged over the problems that have k chains, each with the
 * 95 % interval that resamples problems. A failed chain counts as wrong.
 */
export function accuracyOf(
  problems: readonly Problem[],
  chains: readonly ChainRecord[],
  { samples, seed }: RunConfig,
  grade: Grader,
): Summary['accuracy'] {
  const byProblem = groupBy(chains, ({ problem }) => problem);
  const own = problems.flatMap(({ id }) => {
    const found = byProblem.get(id)?.toSorted((a, b) => a.sample - b.sample);
    return found ? [found] : [];
  });
  const tallies = own.map((votes) => ({ correct: votes.filter(({ correct }) => correct).length, total: votes.length }));
  const ballots = own.map((votes) => ballotOf(votes, grade));
  const ks: number[] = [];
  for (let k = 1; k < samples; k *= 2) ks.push(k);
  ks.push(samples);
  const estimate = (values: readonly (number | null)[]): Estimate => {
    const measured = values.filter((value) => value !== null);
    if (measured.length === 0) return { mean: 0, ci95: null };
    return { mean: mean(measured), ci95: clusteredBootstrap(measured, { seed }) };
  };
  const meanAt1 = estimate(tallies.map((tally) => passAt(1, tally)));
  const pass = ks.map((k) => [String(k), estimate(tallies.map((tally) => passAt(k, tally)))] as const);
  const majority = ks.map((k) => [String(k), estimate(ballots.map((ballot) => majAt(k, ballot)))] as const);
  return {
    mean: meanAt1.mean,
    ci95: meanAt1.ci95 ?? [0, 0],
    passAt: Object.fromEntries(pass.map(([k, { mean }]) => [k, mean])),
    majAt: Object.fromEntries(majority.map(([k, { mean }]) => [k, mean])),
    passAtCi95: intervalsOf(pass),
    majAtCi95: intervalsOf(majority),
  };
}

interface Estimate {
  readonly mean: number;
  /** Null where no problem has k chains. */
  readonly ci95: [number, number] | null;
}

function intervalsOf(estimates: readonly (readonly [string, Estimate])[]): Record<string, [number, number]> {
  return Object.fromEntries(estimates.flatMap(([k, { ci95 }]) => (ci95 ? [[k, ci95]] : [])));
}

/** What became of the wanted rate; null where nothing was decided. */
export function rejectionOf(
  diagnostics: Diagnostics | null,
  calibrator: Pick<Calibrator, 'name' | 'bound'> | null,
): Summary['rejection'] {
  if (diagnostics === null || calibrator === null) return null;
  const { wanted, overall, perTurn, rolling, ks, martingale } = diagnostics;
  return {
    ...{ wanted, overall, perTurn: [...perTurn] },
    rolling200: rolling && { min: rolling.min, max: rolling.max },
    bound: calibrator.bound(),
    ks,
    martingaleLog10: martingale.final,
    calibration: calibrator.name,
  };
}
