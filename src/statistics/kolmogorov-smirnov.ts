/**
 * One-sample Kolmogorov–Smirnov test against the uniform law on [0, 1].
 *
 * Assumption: independent, continuous p-values. Guarantee: p is right to 0.007 from n = 5 on, to 0.003 from 10, to 0.0006
 * from 20. What breaks it: p-values that share a bank or a problem are dependent and make p too small; conformal p-values
 * of a small bank are discrete, their d is at least about 1/(bank + 1).
 * Source: Kolmogorov 1933 for the limit law; Vrbik 2018, Small-Sample Corrections to Kolmogorov–Smirnov Test Statistic.
 */
export function kolmogorovSmirnovUniform(values: readonly number[]): { d: number; p: number } {
  const n = values.length;
  if (n === 0) return { d: 0, p: 1 };
  const sorted = Float64Array.from(values).sort();
  let d = 0;
  sorted.forEach((value, index) => {
    d = Math.max(d, (index + 1) / n - value, value - index / n);
  });
  const x = Math.sqrt(n) * d;
  return { d, p: kolmogorovTail(x + 1 / (6 * Math.sqrt(n)) + (x - 1) / (4 * n)) };
}

/** Beyond so many cells of the lattice the exact law costs more than it tells, and leaves the range of doubles. */
const MOST_CELLS = 3e6;

/**
 * Two-sample Kolmogorov–Smirnov test: do two lists of scores follow one law? Ties and infinite scores are legal.
 *
 * Assumption: independent scores within and between the lists. Guarantee: p is exact for up to 3 million pairs of scores,
 * beyond that Smirnov's limit; with ties the test is milder. What breaks it: the scores of one problem are alike, and p is
 * then too small. Source: Hodges 1958, The Significance Probability of the Smirnov Two-Sample Test; Smirnov 1939.
 */
export function kolmogorovSmirnovTwoSample(a: readonly number[], b: readonly number[]): { d: number; p: number } {
  if (a.length === 0 || b.length === 0) return { d: 0, p: 1 };
  const [x, y] = [a, b].map((scores) => Float64Array.from(scores).sort()).sort((s, t) => s.length - t.length);
  const [m, n] = [x.length, y.length];
  let [i, j, d] = [0, 0, 0];
  while (i < m && j < n) {
    const score = Math.min(x[i], y[j]);
    while (i < m && x[i] === score) i++;
    while (j < n && y[j] === score) j++;
    d = Math.max(d, Math.abs(i / m - j / n));
  }
  const isExact = m * n <= MOST_CELLS;
  return { d, p: isExact ? twoSampleTail(d, m, n) : kolmogorovTail(d * Math.sqrt((m * n) / (m + n))) };
}

/**
 * P(D ≥ d): of the equally likely ways to mix m scores and n others, each a path from (0, 0) to (m, n), the share that
 * somewhere strays from the diagonal by d. Row after row, `within[j]` is the share of paths to (i, j) that never did, scaled
 * so that the last one is a probability.
 */
function twoSampleTail(d: number, m: number, n: number): number {
  // Distances are multiples of 1/(mn): half a step below d tells "≥ d" in floats.
  const limit = d - 0.5 / (m * n);
  const isWithin = (i: number, j: number) => Math.abs(i / m - j / n) <= limit;
  const within = Float64Array.from({ length: n + 1 }, (_, j) => (isWithin(0, j) ? 1 : 0));
  for (let i = 1; i <= m; i++) {
    const scale = i / (i + n);
    for (let j = 0; j <= n; j++) {
      within[j] = isWithin(i, j) ? scale * within[j] + (j > 0 ? within[j - 1] : 0) : 0;
    }
  }
  return Math.min(1, Math.max(0, 1 - within[n]));
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
