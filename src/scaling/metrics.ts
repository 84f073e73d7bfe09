import { type Calibrator, jumperMartingaleLog10, ratePerTurn, rollingRange } from '../conformal/index.js';
import type { RunConfig } from '../runs/config.js';
import type { ChainRecord, ModelCallEvent, Summary } from '../runs/records.js';
import { clusteredBootstrap, kolmogorovSmirnovUniform } from '../statistics/index.js';
import { majAt, meanAt1, passAt } from '../tasks/metrics.js';
import type { Problem } from '../tasks/problem.js';

/** mean@1 with its interval, pass@k and maj@k for k = 1, 2, 4 … samples. A failed chain counts as wrong. */
export function accuracyOf(
  problems: readonly Problem[],
  chains: readonly ChainRecord[],
  { samples, seed }: RunConfig,
): Summary['accuracy'] {
  const byProblem = problems
    .map(({ id }) => chains.filter((chain) => chain.problem === id).sort((a, b) => a.sample - b.sample))
    .filter((own) => own.length > 0);
  const tallies = byProblem.map((own) => ({
    correct: own.filter(({ correct }) => correct).length,
    total: own.length,
  }));
  const ks: number[] = [];
  for (let k = 1; k < samples; k *= 2) ks.push(k);
  ks.push(samples);
  const perK = (metric: (k: number) => number | null) => Object.fromEntries(ks.map((k) => [String(k), metric(k) ?? 0]));
  const shares = tallies.map(({ correct, total }) => correct / total);
  return {
    mean: meanAt1(tallies) ?? 0,
    ci95: clusteredBootstrap(shares, { seed }),
    passAt: perK((k) => passAt(k, tallies)),
    majAt: perK((k) => majAt(k, byProblem)),
  };
}

/** What became of the wanted rate, from the decisions in the order they were made; null where none was. */
export function rejectionOf(
  events: readonly Pick<ModelCallEvent, 'turn' | 'problem' | 'p' | 'rejected'>[],
  config: Pick<RunConfig, 'rejectionRate' | 'calibration'>,
  calibrator: Calibrator | null,
): Summary['rejection'] {
  const decisions = events.flatMap(({ turn, problem, p, rejected }) =>
    p === null || rejected === null ? [] : [{ turn, problem, p, rejected }],
  );
  if (decisions.length === 0) return null;
  const rejected = decisions.map((decision) => decision.rejected);
  const ps = decisions.map(({ p }) => p);
  return {
    wanted: config.rejectionRate,
    overall: rejected.filter(Boolean).length / rejected.length,
    perTurn: ratePerTurn(decisions),
    rolling200: rollingRange(rejected, 200),
    bound: calibrator?.bound() ?? null,
    ks: kolmogorovSmirnovUniform(ps),
    martingaleLog10: jumperMartingaleLog10(ps).final,
    calibration: config.calibration,
  };
}
