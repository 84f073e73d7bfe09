import { clusteredBootstrap, kolmogorovSmirnovUniform } from '../../statistics/index.js';
import { betaBinomialInterval } from './beta-binomial.js';
import { type Duplicates, duplicates } from './duplicates.js';
import { type JumperMartingale, jumperMartingaleLog10 } from './martingale.js';
import { type Observation, type Rate, ratePerProblem, ratePerTurn, rollingRange } from './rates.js';

export interface DiagnoseOptions {
  /** The wanted rejection rate. */
  readonly alpha: number;
  /** Decisions of a rolling window [200]. */
  readonly window?: number;
  /** Coverage of the intervals [0.95]. */
  readonly level?: number;
  /** Level of the martingale's alarm [0.01]. */
  readonly delta?: number;
  /** Of the bootstrap [0]. */
  readonly seed?: number;
  /** Scores of the bank, where one bank judged every chunk and learned nothing (split conformal rule). */
  readonly bankSize?: number;
}

/** What a list of decisions tells about its rule. Strict JSON. Rates are shares of the decisions. */
export interface Diagnostics {
  readonly decisions: number;
  readonly wanted: number;
  readonly overall: number;
  /** Bootstrap interval of `overall` that resamples problems. */
  readonly interval: { readonly level: number; readonly lower: number; readonly upper: number };
  /** Where `overall` falls with probability `level` under a split rule, were all scores exchangeable (Beta-binomial). */
  readonly split: { readonly level: number; readonly lower: number; readonly upper: number } | null;
  readonly perTurn: readonly ({ readonly turn: number } & Rate)[];
  readonly perProblem: readonly ({ readonly problem: string } & Rate)[];
  readonly rolling: { readonly window: number; readonly min: number; readonly max: number } | null;
  readonly ks: { readonly d: number; readonly p: number };
  /** Logarithms to base 10; `alarmAt` counts decisions. */
  readonly martingale: JumperMartingale & { readonly delta: number };
  /** Of the observations' scores; null where none is recorded. */
  readonly duplicates: Duplicates | null;
}

/** All diagnostics at once; the functions of this folder say what each assumes. Null without a decision. */
export function diagnose(observations: readonly Observation[], options: DiagnoseOptions): Diagnostics | null {
  if (observations.length === 0) return null;
  const { alpha, window = 200, level = 0.95, delta = 0.01, seed, bankSize } = options;
  const rejected = observations.map((observation) => observation.rejected);
  const ps = observations.map(({ p }) => p);
  const scores = observations.flatMap(({ score }) => (score === undefined ? [] : [score]));
  const perProblem = ratePerProblem(observations);
  const [lower, upper] = clusteredBootstrap(perProblem, { statistic: pooledRate, seed, level });
  const rolling = rollingRange(rejected, window);
  return {
    decisions: rejected.length,
    wanted: alpha,
    overall: rejected.filter(Boolean).length / rejected.length,
    interval: { level, lower, upper },
    split: bankSize === undefined ? null : splitInterval(rejected.length, bankSize, alpha, level),
    perTurn: ratePerTurn(observations),
    perProblem,
    rolling: rolling && { window, ...rolling },
    ks: kolmogorovSmirnovUniform(ps),
    martingale: { delta, ...jumperMartingaleLog10(ps, delta) },
    duplicates: scores.length === 0 ? null : duplicates(scores),
  };
}

/** Rejections over decisions of some problems together: problems with more decisions weigh more. */
function pooledRate(problems: readonly Rate[]): number {
  let [decisions, rejected] = [0, 0];
  for (const problem of problems) {
    decisions += problem.decisions;
    rejected += problem.rate * problem.decisions;
  }
  return rejected / decisions;
}

function splitInterval(decisions: number, bankSize: number, alpha: number, level: number) {
  const [lower, upper] = betaBinomialInterval(decisions, bankSize, alpha, level);
  return { level, lower: lower / decisions, upper: upper / decisions };
}
