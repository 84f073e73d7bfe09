/** What a run's decisions tell about its rule: realised rates, uniformity of the p-values, evidence of drift. All pure. */

/** A decision and where it was made. Lists are in the order of the decisions. */
export interface Observation {
  readonly turn: number;
  readonly problem: string;
  readonly p: number;
  readonly rejected: boolean;
}

/** Lowest and highest rejection rate over any `window` consecutive decisions; null when there are fewer. */
export function rollingRange(rejected: readonly boolean[], window = 200): { min: number; max: number } | null {
  if (rejected.length < window) return null;
  let inWindow = 0;
  let min = window;
  let max = 0;
  for (let index = 0; index < rejected.length; index++) {
    if (rejected[index]) inWindow++;
    if (index >= window && rejected[index - window]) inWindow--;
    if (index >= window - 1) {
      min = Math.min(min, inWindow);
      max = Math.max(max, inWindow);
    }
  }
  return { min: min / window, max: max / window };
}

/** Ascending by turn; turns without a decision are left out. */
export function ratePerTurn(
  observations: readonly Pick<Observation, 'turn' | 'rejected'>[],
): { turn: number; decisions: number; rate: number }[] {
  const rates = ratesBy(observations, ({ turn }) => turn);
  return [...rates].map(([turn, rate]) => ({ turn, ...rate })).sort((a, b) => a.turn - b.turn);
}

/** In the order in which the problems first appear. */
export function ratePerProblem(
  observations: readonly Pick<Observation, 'problem' | 'rejected'>[],
): { problem: string; decisions: number; rate: number }[] {
  const rates = ratesBy(observations, ({ problem }) => problem);
  return [...rates].map(([problem, rate]) => ({ problem, ...rate }));
}

function ratesBy<Row extends { rejected: boolean }, Key>(
  observations: readonly Row[],
  keyOf: (observation: Row) => Key,
) {
  const tallies = new Map<Key, { decisions: number; rejected: number }>();
  for (const observation of observations) {
    const key = keyOf(observation);
    const tally = tallies.get(key) ?? { decisions: 0, rejected: 0 };
    tallies.set(key, tally);
    tally.decisions++;
    if (observation.rejected) tally.rejected++;
  }
  return new Map(
    [...tallies].map(([key, { decisions, rejected }]) => [key, { decisions, rate: rejected / decisions }]),
  );
}

/** Share of scores that repeat another one: far above 0, sampling was greedy or its seeds collided. */
export function duplicateShare(scores: readonly number[]): number {
  return scores.length === 0 ? 0 : 1 - new Set(scores).size / scores.length;
}

/**
 * One-sample Kolmogorov–Smirnov test against the uniform law on [0, 1].
 *
 * Assumption: independent, continuous p-values. Guarantee: p is right to about 1e-3 from n = 5 on. What breaks it:
 * p-values that share a bank or a problem are dependent and make p too small; conformal p-values of a small bank are
 * discrete, their d is at least about 1/(bank + 1).
 * Source: Stephens 1970 for the finite-n factor √n + 0.12 + 0.11/√n, Kolmogorov 1933 for the limit law.
 */
export function kolmogorovSmirnovUniform(values: readonly number[]): { d: number; p: number } {
  const n = values.length;
  if (n === 0) return { d: 0, p: 1 };
  const sorted = Float64Array.from(values).sort();
  let d = 0;
  sorted.forEach((value, index) => {
    d = Math.max(d, (index + 1) / n - value, value - index / n);
  });
  const root = Math.sqrt(n);
  return { d, p: kolmogorovTail(d * (root + 0.12 + 0.11 / root)) };
}

/** P(K > x) of Kolmogorov's limit law; of its two series the one that converges fast at x. */
function kolmogorovTail(x: number): number {
  if (x <= 0) return 1;
  let sum = 0;
  if (x < 1) {
    for (let k = 1; k <= 7; k += 2) sum += Math.exp((-k * k * Math.PI * Math.PI) / (8 * x * x));
    return 1 - (Math.sqrt(2 * Math.PI) / x) * sum;
  }
  for (let k = 1; k <= 8; k++) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * x * x);
  return sum;
}

/**
 * Simple jumper test martingale: bets f(p) = 1 + ε(p − ½) with ε ∈ {−1, 0, 1}, a third of the capital on each; before
 * every bet a hundredth of the capital is dealt out evenly. Returns log₁₀ of the final and of the highest capital.
 *
 * Assumption: p-values independent and uniform, as smoothed ones of a growing bank are. Guarantee (Ville): the capital
 * ever reaches 1/δ with probability at most δ, so `max` ≥ −log₁₀ δ is an alarm at level δ, at any time one looks.
 * What breaks it: a fixed bank (its p-values are dependent; the capital also measures how lucky the bank was) and
 * unsmoothed conformal p-values, whose mean is ½ + 1/(2(n + 1)): a small steady gain for ε = 1.
 * Source: Vovk et al. 2021, Retrain or not retrain: conformal test martingales for change-point detection.
 */
export function jumperMartingaleLog10(values: readonly number[]): { final: number; max: number } {
  const jump = 0.01;
  const slopes = [-1, 0, 1];
  // Capital is kept as shares of the total beside the total's logarithm: it grows beyond any float otherwise.
  let shares = slopes.map(() => 1 / slopes.length);
  let final = 0;
  let max = 0;
  for (const p of values) {
    const bets = shares.map(
      (share, index) => ((1 - jump) * share + jump / slopes.length) * (1 + slopes[index]! * (p - 0.5)),
    );
    const growth = bets.reduce((sum, bet) => sum + bet, 0);
    shares = bets.map((bet) => bet / growth);
    final += Math.log10(growth);
    max = Math.max(max, final);
  }
  return { final, max };
}

/** P(X = x), x = 0 … n, where X is binomial(n, q) and q is Beta(a, b); a, b > 0. */
export function betaBinomialLaw(n: number, a: number, b: number): number[] {
  let logarithm = 0;
  for (let i = 0; i < n; i++) logarithm += Math.log(b + i) - Math.log(a + b + i);
  const law = [Math.exp(logarithm)];
  for (let x = 0; x < n; x++) {
    logarithm += Math.log(n - x) + Math.log(a + x) - Math.log(x + 1) - Math.log(b + n - x - 1);
    law.push(Math.exp(logarithm));
  }
  return law;
}

/**
 * Central interval of the number of rejections among n new scores judged by one bank: conformal p ≤ alpha, nothing learned
 * in between. The number leaves the interval on either side with probability at most (1 − level)/2.
 *
 * Assumption: the n scores and the bank's m are exchangeable without ties. Guarantee: the law is exact, Beta-binomial(n, k,
 * m + 1 − k) with k = floor(alpha·(m + 1)): given the bank, the rejection rate is the mass above its k-th highest score.
 * What breaks it: chains of one problem are clustered, which widens the true law.
 * Source: Vovk 2012, Conditional validity of inductive conformal predictors, proposition 2a.
 */
export function betaBinomialInterval(
  n: number,
  bankSize: number,
  alpha: number,
  level = 0.95,
): [lower: number, upper: number] {
  const ranks = bankSize + 1;
  // The p-values are k/ranks, so k is told by the comparison the rule itself makes: 0.29 · 100 is below 29 in floats.
  let k = Math.round(alpha * ranks);
  if (k / ranks > alpha) k--;
  if (k <= 0) return [0, 0];
  if (k >= ranks) return [n, n];
  const law = betaBinomialLaw(n, k, ranks - k);
  const tail = (1 - level) / 2;
  const lower = quantile(law, tail);
  // From the other end, so that both sides are cut by the same comparison.
  const upper = n - quantile(law.toReversed(), tail);
  return [lower, upper];
}

/** The smallest x with P(X ≤ x) > tail. */
function quantile(law: readonly number[], tail: number): number {
  let below = 0;
  for (let x = 0; x < law.length; x++) {
    below += law[x]!;
    if (below > tail) return x;
  }
  return law.length - 1;
}
