import { expect } from 'chai';
import { kolmogorovSmirnovTwoSample, kolmogorovSmirnovUniform } from '../../src/statistics/index.js';

describe('the Kolmogorov–Smirnov test', () => {
  it('measures the largest distance to the uniform law', () => {
    expect(kolmogorovSmirnovUniform([0.5]).d).equal(0.5);
    expect(kolmogorovSmirnovUniform([0.9, 0.1, 0.3]).d).closeTo(2 / 3 - 0.3, 1e-15);
    expect(kolmogorovSmirnovUniform([])).deep.equal({ d: 0, p: 1 });
  });

  it('has the tail of published tables', () => {
    // Points (index + 0.5)/n shifted by s have d = s + 0.5/n. Exact critical values of d (Massey 1951; Miller 1956).
    const table: [n: number, d: number, p: number][] = [
      [10, 0.40925, 0.05],
      [20, 0.29408, 0.05],
      [35, 0.26898, 0.01],
      [100, 0.13403, 0.05],
      [100, 0.12067, 0.1],
    ];
    for (const [n, d, p] of table) {
      const points = Array.from({ length: n }, (_, index) => (index + 0.5) / n + d - 0.5 / n);
      const result = kolmogorovSmirnovUniform(points);
      expect(result.d).closeTo(d, 1e-12);
      expect(result.p).closeTo(p, 1.5e-3);
    }
  });

  it('joins its two series without a step', () => {
    const tailAt = (x: number): number => {
      const n = 10_000;
      // The inverse of the small-sample correction.
      const d = (x - 1 / (6 * Math.sqrt(n)) + 1 / (4 * n)) / (1 + 1 / (4 * n)) / Math.sqrt(n);
      return kolmogorovSmirnovUniform(Array.from({ length: n }, (_, i) => (i + 0.5) / n + d - 0.5 / n)).p;
    };
    expect(tailAt(1 - 1e-9)).closeTo(tailAt(1 + 1e-9), 1e-8);
    // The limit law's own median.
    expect(tailAt(0.8275735551899077)).closeTo(0.5, 1e-9);
  });
});

describe('the two-sample Kolmogorov–Smirnov test', () => {
  it('has the tail of the exact law', () => {
    // scipy 1.17.1: scipy.stats.ks_2samp(a, b, method='exact') of these very lists.
    const table: [m: number, n: number, shift: number, d: number, p: number][] = [
      [20, 30, 5, 0.3, 0.20235672077103806],
      [50, 40, 8, 0.22, 0.20214636404912553],
      [100, 100, 15, 0.16, 0.1548386665118475],
      [200, 150, 20, 0.13833333333333334, 0.06926378859763288],
      [37, 211, 6, 0.1891891891891892, 0.18179262578673122],
    ];
    for (const [m, n, shift, d, p] of table) {
      const a = Array.from({ length: m }, (_, i) => i * n);
      const b = Array.from({ length: n }, (_, i) => i * m + shift * Math.max(m, n) + 0.5);
      for (const result of [kolmogorovSmirnovTwoSample(a, b), kolmogorovSmirnovTwoSample(b, a)]) {
        expect(result.d).closeTo(d, 1e-12);
        expect(result.p).closeTo(p, 1e-12);
      }
    }
  });

  it('has that law under every way to mix two lists', () => {
    const [m, n] = [4, 6];
    const ways = Array.from({ length: 2 ** (m + n) }, (_, mask) => mask)
      .map((mask) => Array.from({ length: m + n }, (_, score) => score).filter((score) => (mask >> score) & 1))
      .filter((first) => first.length === m)
      .map((first) => {
        const rest = Array.from({ length: m + n }, (_, score) => score).filter((score) => !first.includes(score));
        return kolmogorovSmirnovTwoSample(first, rest);
      });
    for (const { d, p } of ways) {
      expect(p).closeTo(ways.filter((other) => other.d >= d - 1e-9).length / ways.length, 1e-12);
    }
  });

  it('joins the limit law where the exact one ends', () => {
    const lists = (n: number) => [
      Array.from({ length: n }, (_, i) => i / n),
      Array.from({ length: n }, (_, i) => (i + 0.5) / n + 0.03),
    ];
    const [exact, limit] = [1730, 1735].map((n) => kolmogorovSmirnovTwoSample(lists(n)[0], lists(n)[1]));
    // The lattice's step, over which the two laws differ, is of the order of 1/√n.
    expect(exact.p).closeTo(limit.p, 1 / Math.sqrt(1730));
  });

  it('finds no difference between equal lists, infinite scores among them, or without scores', () => {
    const scores = [1, 1, 2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    expect(kolmogorovSmirnovTwoSample(scores, [...scores, ...scores])).deep.equal({ d: 0, p: 1 });
    expect(kolmogorovSmirnovTwoSample(scores, [])).deep.equal({ d: 0, p: 1 });
    expect(kolmogorovSmirnovTwoSample([1, 1], [2, 2]).d).equal(1);
  });
});
