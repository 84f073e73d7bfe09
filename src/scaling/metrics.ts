import type { Calibrator, Diagnostics } from '../conformal/index.js';
import type { RunConfig } from '../runs/config.js';
import type { ChainRecord, Summary } from '../runs/records.js';
import { clusteredBootstrap } from '../statistics/index.js';
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
