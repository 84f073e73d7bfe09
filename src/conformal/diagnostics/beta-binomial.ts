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
  const lower = firstAbove(law, tail);
  // From the other end, so that both sides are cut by the same comparison.
  const upper = n - firstAbove(law.toReversed(), tail);
  return [lower, upper];
}

/** The smallest x with P(X ≤ x) > tail. */
function firstAbove(law: readonly number[], tail: number): number {
  let below = 0;
  for (let x = 0; x < law.length; x++) {
    below += law[x]!;
    if (below > tail) return x;
  }
  return law.length - 1;
}
