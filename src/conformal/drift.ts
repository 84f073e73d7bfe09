/** Diagnostics of a stream of decisions: pure functions. */

/** Lowest and highest share of rejections in any `window` consecutive decisions; null when there are fewer. */
export function rollingRange(rejected: readonly boolean[], window = 200): { min: number; max: number } | null {
  if (rejected.length < window) return null;
  let count = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < rejected.length; i++) {
    count += Number(rejected[i]);
    if (i >= window) count -= Number(rejected[i - window]);
    if (i >= window - 1) {
      min = Math.min(min, count / window);
      max = Math.max(max, count / window);
    }
  }
  return { min, max };
}

export function ratePerTurn(
  decisions: readonly { turn: number; rejected: boolean }[],
): { turn: number; decisions: number; rate: number }[] {
  const byTurn = new Map<number, { decisions: number; rejections: number }>();
  for (const { turn, rejected } of decisions) {
    const tally = byTurn.get(turn) ?? { decisions: 0, rejections: 0 };
    tally.decisions++;
    tally.rejections += Number(rejected);
    byTurn.set(turn, tally);
  }
  return [...byTurn]
    .sort(([a], [b]) => a - b)
    .map(([turn, tally]) => ({ turn, decisions: tally.decisions, rate: tally.rejections / tally.decisions }));
}

/**
 * Kolmogorov–Smirnov distance of p-values from the uniform law, with its asymptotic p (Stephens' finite-n correction:
 * √n + 0.12 + 0.11/√n).
 */
export function kolmogorovSmirnovUniform(ps: readonly number[]): { d: number; p: number } {
  const n = ps.length;
  if (n === 0) return { d: 0, p: 1 };
  const sorted = [...ps].sort((a, b) => a - b);
  let d = 0;
  for (let i = 0; i < n; i++) d = Math.max(d, (i + 1) / n - sorted[i], sorted[i] - i / n);
  const lambda = (Math.sqrt(n) + 0.12 + 0.11 / Math.sqrt(n)) * d;
  // The alternating series converges slowly near 0, where the probability is 1 to double precision.
  if (lambda < 0.2) return { d, p: 1 };
  let p = 0;
  for (let k = 1; k <= 100; k++) p += 2 * (k % 2 === 1 ? 1 : -1) * Math.exp(-2 * k * k * lambda * lambda);
  return { d, p: Math.min(1, Math.max(0, p)) };
}

/**
 * Simple jumper test martingale (Vovk et al. 2021, "Retrain or not retrain", PMLR 152): bets f_ε(p) = 1 + ε(p − ½) with
 * ε ∈ {−1, 0, 1}, a share `jump` of the capital redistributed before each bet. Under exchangeability it exceeds 1/δ with
 * probability at most δ.
 * @returns log₁₀ of its value in the end
 */
export function jumperMartingaleLog10(ps: readonly number[], jump = 0.01): number {
  const bets = [-1, 0, 1];
  let capital = bets.map(() => 1 / bets.length);
  let log10 = 0;
  for (const p of ps) {
    const total = capital.reduce((a, b) => a + b, 0);
    capital = capital.map((c, i) => ((1 - jump) * c + (jump * total) / bets.length) * (1 + bets[i] * (p - 0.5)));
    // Rescaled every step, so that long streams neither overflow nor underflow.
    const after = capital.reduce((a, b) => a + b, 0);
    log10 += Math.log10(after);
    capital = capital.map((c) => c / after);
  }
  return log10;
}

/**
 * Central interval of the number of rejections among n new scores by `p ≤ alpha` against a bank of m exchangeable
 * scores: Beta-binomial(n, k, m + 1 − k), k = ⌊α(m + 1)⌋ (Angelopoulos & Bates 2021, arXiv 2107.07511, §3.2).
 */
export function betaBinomialInterval(n: number, m: number, alpha: number, level = 0.95): [number, number] {
  const a = Math.floor(alpha * (m + 1));
  const b = m + 1 - a;
  if (a === 0) return [0, 0];
  // P(0) = B(a, n + b)/B(a, b), then the ratio of neighbours: no special function needed.
  let logP = 0;
  for (let i = 0; i < n; i++) logP += Math.log(b + i) - Math.log(a + b + i);
  let cumulative = Math.exp(logP);
  const tail = (1 - level) / 2;
  let low = cumulative > tail ? 0 : -1;
  for (let x = 0; x < n; x++) {
    if (cumulative >= 1 - tail) return [Math.max(low, 0), x];
    logP += Math.log(((n - x) * (a + x)) / ((x + 1) * (n - x - 1 + b)));
    cumulative += Math.exp(logP);
    if (low < 0 && cumulative > tail) low = x + 1;
  }
  return [Math.max(low, 0), n];
}
