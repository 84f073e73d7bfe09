import { expect } from 'chai';
import fc from 'fast-check';
import { ScoreBank } from '../../src/conformal/bank.js';
import {
  betaBinomialInterval,
  betaBinomialLaw,
  duplicateShare,
  jumperMartingaleLog10,
  kolmogorovSmirnovUniform,
  type Observation,
  ratePerProblem,
  ratePerTurn,
  rollingRange,
} from '../../src/conformal/drift.js';
import { pValue } from '../../src/conformal/p-value.js';

describe('realised rates', () => {
  it('range over every window of consecutive decisions', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (rejected, window) => {
        const rates = rejected
          .slice(window - 1)
          .map((_, start) => rejected.slice(start, start + window).filter(Boolean).length / window);
        const range = rollingRange(rejected, window);
        expect(range).deep.equal(rates.length === 0 ? null : { min: Math.min(...rates), max: Math.max(...rates) });
      }),
    );
    expect(rollingRange(new Array(199).fill(true))).equal(null);
    expect(rollingRange(new Array(200).fill(true))).deep.equal({ min: 1, max: 1 });
  });

  it('are told by turn and by problem', () => {
    const seen = (turn: number, problem: string, rejected: boolean): Observation => ({
      turn,
      problem,
      p: 0.5,
      rejected,
    });
    const list = [seen(2, 'b', true), seen(0, 'a', true), seen(0, 'b', false), seen(0, 'a', false), seen(2, 'a', true)];
    expect(ratePerTurn(list)).deep.equal([
      { turn: 0, decisions: 3, rate: 1 / 3 },
      { turn: 2, decisions: 2, rate: 1 },
    ]);
    expect(ratePerProblem(list)).deep.equal([
      { problem: 'b', decisions: 2, rate: 1 / 2 },
      { problem: 'a', decisions: 3, rate: 2 / 3 },
    ]);
  });

  it('come with the share of repeated scores', () => {
    expect(duplicateShare([])).equal(0);
    expect(duplicateShare([1, 2, 3])).equal(0);
    expect(duplicateShare([1, 1, 1, 2])).equal(0.5);
  });
});

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
      const root = Math.sqrt(n);
      const d = x / (root + 0.12 + 0.11 / root);
      return kolmogorovSmirnovUniform(Array.from({ length: n }, (_, i) => (i + 0.5) / n + d - 0.5 / n)).p;
    };
    expect(tailAt(1 - 1e-9)).closeTo(tailAt(1 + 1e-9), 1e-8);
    // The limit law's own median.
    expect(tailAt(0.8275735551899077)).closeTo(0.5, 1e-9);
  });
});

describe('the jumper martingale', () => {
  it('is a fair game: its mean capital over all uniform outcomes is 1', () => {
    // p on the grid {0, ¼, ½, ¾, 1} has mean ½, and f is linear in p: the mean over the grid is exact.
    const grid = [0, 0.25, 0.5, 0.75, 1];
    let sequences: number[][] = [[]];
    for (let length = 1; length <= 5; length++) {
      sequences = sequences.flatMap((sequence) => grid.map((p) => [...sequence, p]));
      const capitals = sequences.map((sequence) => 10 ** jumperMartingaleLog10(sequence).final);
      expect(capitals.reduce((sum, capital) => sum + capital, 0) / capitals.length).closeTo(1, 1e-12);
    }
  });

  it('passes 1/δ with probability at most δ', () => {
    const coin = Array.from({ length: 2 ** 14 }, (_, bits) =>
      Array.from({ length: 14 }, (_, place) => (bits >> place) & 1),
    );
    const highest = coin.map((sequence) => jumperMartingaleLog10(sequence).max);
    let crossed = 0;
    for (const delta of [0.5, 0.2, 0.1, 0.05]) {
      const share = highest.filter((max) => max >= -Math.log10(delta)).length / highest.length;
      expect(share).at.most(delta);
      crossed += share;
    }
    expect(crossed).above(0);
  });

  it('alarms soon after a drift, in either direction, and stays finite', () => {
    for (const drifted of [0.05, 0.95]) {
      expect(jumperMartingaleLog10(new Array(100).fill(drifted)).max).above(10);
      expect(jumperMartingaleLog10(new Array(20_000).fill(drifted)).final)
        .above(300)
        .and.below(1e5);
    }
  });

  it('remembers its highest capital', () => {
    const { final, max } = jumperMartingaleLog10([...new Array(50).fill(0.1), ...new Array(5).fill(0.9)]);
    expect(max).above(final);
    expect(jumperMartingaleLog10([])).deep.equal({ final: 0, max: 0 });
  });
});

describe('the Beta-binomial law', () => {
  /** The number of rejections under every one of the equally likely ways to mix m bank scores and n new ones. */
  function enumerated(n: number, m: number, alpha: number): number[] {
    const counts = new Array<number>(n + 1).fill(0);
    let ways = 0;
    for (let mask = 0; mask < 2 ** (m + n); mask++) {
      const isNew = Array.from({ length: m + n }, (_, score) => ((mask >> score) & 1) === 1);
      if (isNew.filter(Boolean).length !== n) continue;
      const scores = [...isNew.keys()];
      const bank = new ScoreBank(scores.filter((score) => !isNew[score]));
      const rejected = scores.filter((score) => isNew[score] && pValue('conformal', bank, score, 0) <= alpha).length;
      counts[rejected]!++;
      ways++;
    }
    return counts.map((count) => count / ways);
  }

  it('is the law of the number of rejections', () => {
    for (const [n, m, alpha] of [
      [3, 4, 0.4],
      [4, 4, 0.2],
      [5, 6, 0.5],
      [2, 9, 0.3],
      [6, 3, 0.75],
    ] as const) {
      const k = Math.round(Math.floor(alpha * (m + 1) + 1e-9));
      const law = betaBinomialLaw(n, k, m + 1 - k);
      enumerated(n, m, alpha).forEach((share, x) => {
        expect(law[x]).closeTo(share, 1e-12);
      });
    }
  });

  it('gives an interval that each side leaves with at most half the missing probability, and no wider', () => {
    for (const [n, m, alpha, level] of [
      [5, 6, 0.5, 0.8],
      [6, 4, 0.4, 0.9],
      [4, 7, 0.25, 0.5],
    ] as const) {
      const law = enumerated(n, m, alpha);
      const [lower, upper] = betaBinomialInterval(n, m, alpha, level);
      const mass = (from: number, to: number): number => law.slice(from, to).reduce((sum, share) => sum + share, 0);
      const tail = (1 - level) / 2;
      expect(mass(0, lower)).at.most(tail + 1e-12);
      expect(mass(0, lower + 1)).above(tail - 1e-12);
      expect(mass(upper + 1, n + 1)).at.most(tail + 1e-12);
      expect(mass(upper, n + 1)).above(tail - 1e-12);
    }
  });

  it('knows the rates that cannot occur, and counts ranks as the rule does', () => {
    expect(betaBinomialInterval(50, 9, 0.05, 0.95)).deep.equal([0, 0]);
    expect(betaBinomialInterval(50, 9, 1, 0.95)).deep.equal([50, 50]);
    // 0.29 · 100 = 28.999999999999996, yet p = 29/100 ≤ 0.29 is rejected.
    expect(betaBinomialInterval(1000, 99, 0.29, 0.9)).deep.equal(betaBinomialInterval(1000, 99, 0.295, 0.9));
  });

  it('narrows to the binomial law as the bank grows', () => {
    const [lower, upper] = betaBinomialInterval(1600, 1_000_000, 0.4, 0.95);
    expect(lower).within(600, 603);
    expect(upper).within(677, 680);
  });
});
