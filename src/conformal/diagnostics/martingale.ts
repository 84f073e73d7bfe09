/** What the betting came to. Capital starts at 1 (log₁₀ 0). */
export interface JumperMartingale {
  /** log₁₀ of the capital after the last bet. */
  readonly final: number;
  /** log₁₀ of the highest capital: the evidence against uniform p-values. */
  readonly max: number;
  /** How many p-values had been seen when the capital first reached 1/δ; null if it never did. */
  readonly alarmAt: number | null;
}

/**
 * Simple jumper test martingale: bets f(p) = 1 + ε(p − ½) with ε ∈ {−1, 0, 1}, a third of the capital on each; before
 * every bet a hundredth of the capital is dealt out evenly.
 *
 * Assumption: p-values independent and uniform, as smoothed ones of a growing bank are. Guarantee (Ville): the capital
 * ever reaches 1/δ with probability at most δ, so the alarm is one at level δ, at any time one looks.
 * What breaks it: a fixed bank (its p-values are dependent; the capital also measures how lucky the bank was) and
 * unsmoothed conformal p-values, whose mean is ½ + 1/(2(n + 1)): a small steady gain for ε = 1.
 * Source: Vovk et al. 2021, Retrain or not retrain: conformal test martingales for change-point detection.
 */
export function jumperMartingaleLog10(values: Iterable<number>, delta = 0.01): JumperMartingale {
  const jump = 0.01;
  const threshold = -Math.log10(delta);
  // Capital is kept as shares of the total beside the total's logarithm: it grows beyond any float otherwise.
  let [down, still, up] = [1 / 3, 1 / 3, 1 / 3];
  let [final, max, seen] = [0, 0, 0];
  let alarmAt: number | null = null;
  for (const p of values) {
    seen++;
    down = ((1 - jump) * down + jump / 3) * (1.5 - p);
    still = (1 - jump) * still + jump / 3;
    up = ((1 - jump) * up + jump / 3) * (0.5 + p);
    const growth = down + still + up;
    down /= growth;
    still /= growth;
    up /= growth;
    final += Math.log10(growth);
    max = Math.max(max, final);
    if (alarmAt === null && final >= threshold) alarmAt = seen;
  }
  return { final, max, alarmAt };
}
