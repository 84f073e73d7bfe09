import { expect } from 'chai';
import fc from 'fast-check';
import { type RandomStream, randomStream } from '../../models/abacus/random.js';
import { ScoreBank } from '../../src/conformal/bank.js';
import { betaBinomialInterval, betaBinomialLaw } from '../../src/conformal/diagnostics/beta-binomial.js';
import { duplicates } from '../../src/conformal/diagnostics/duplicates.js';
import { diagnose } from '../../src/conformal/diagnostics/index.js';
import { jumperMartingaleLog10 } from '../../src/conformal/diagnostics/martingale.js';
import { type Observation, ratePerProblem, ratePerTurn, rollingRange } from '../../src/conformal/diagnostics/rates.js';
import { pValue } from '../../src/conformal/p-value.js';
import { kolmogorovSmirnovUniform } from '../../src/statistics/index.js';
import { binomialLower, binomialUpper } from '../statistics/binomial.js';

/** Box and Muller 1958. */
function normal(random: RandomStream): number {
  return Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
}

/** Smoothed p-values of normal scores against a bank that starts with `start` of them and takes in each after its p-value. */
function growingBank(random: RandomStream, start: number, steps: number, meanAt: (step: number) => number): number[] {
  const bank = new ScoreBank(Array.from({ length: start }, () => normal(random)));
  return Array.from({ length: steps }, (_, step) => {
    const score = meanAt(step) + normal(random);
    const p = pValue('smoothed', bank, score, random.uniform());
    bank.insert(score);
    return p;
  });
}

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
});

describe('the alarm for repeated scores', () => {
  const random = randomStream(1, 'duplicates');
  const drawn = (count: number) => Array.from({ length: count }, () => 1.5 + 0.3 * normal(random));

  it('counts repeats', () => {
    expect(duplicates([])).deep.equal({ scores: 0, distinct: 0, share: 0, expected: 0, alarm: false });
    expect(duplicates([1, 2, 3])).deep.include({ distinct: 3, share: 0, alarm: false });
    expect(duplicates([1, 1, 1, 2])).deep.include({ distinct: 2, share: 0.5, alarm: true });
    expect(duplicates([1, 1, 1, 1])).deep.include({ distinct: 1, share: 0.75, alarm: true });
    const infinite = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 1];
    expect(duplicates(infinite)).deep.include({ distinct: 2, alarm: true });
  });

  it('expects of continuous scores what float32 rounding makes of them, and is silent about that', () => {
    const scores = drawn(40_000).map((score) => 2 ** -23 * 1.5 * Math.round(score / (2 ** -23 * 1.5)));
    const { distinct, expected, alarm } = duplicates(scores);
    const repeats = scores.length - distinct;
    // The count of coinciding pairs is nearly Poisson, and a Poisson law is within 4.5 deviations of its mean.
    expect(Math.abs(repeats - expected)).at.most(4.5 * Math.sqrt(expected));
    expect(repeats).above(0);
    expect(alarm).equal(false);
  });

  it('sounds for a bank that was half greedy, however large', () => {
    for (const count of [20, 1600, 100_000]) {
      const half = drawn(count / 2);
      expect(duplicates([...half, ...half]).alarm).equal(true);
    }
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

  it('raises a false alarm at most as often as its level says, on p-values of a growing bank', () => {
    const random = randomStream(2, 'null runs');
    const runs = 10_000;
    const deltas = [0.1, 0.01];
    const alarms = deltas.map(() => 0);
    for (let run = 0; run < runs; run++) {
      const ps = growingBank(random, 20, 200, () => 0);
      deltas.forEach((delta, index) => {
        if (jumperMartingaleLog10(ps, delta).alarmAt !== null) alarms[index]!++;
      });
    }
    deltas.forEach((delta, index) => {
      expect(alarms[index]).at.most(binomialUpper(runs, delta, 1e-6));
      expect(alarms[index]).above(0);
    });
  }).timeout(60_000);

  it('finds a shift of the mean by one deviation within 100 decisions in at least 95 % of runs', () => {
    const random = randomStream(3, 'shifted runs');
    const [runs, shiftAt] = [1000, 200];
    let found = 0;
    for (let run = 0; run < runs; run++) {
      const ps = growingBank(random, 200, shiftAt + 100, (step) => (step < shiftAt ? 0 : 1));
      const { alarmAt } = jumperMartingaleLog10(ps);
      if (alarmAt !== null && alarmAt > shiftAt) found++;
    }
    // Fewer would refute a power of 95 % at level 1e-6.
    expect(found).at.least(binomialLower(runs, 0.95, 1e-6));
  }).timeout(60_000);

  it('tells when it alarmed first, and is never silent about a capital of 1/δ', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 0.4, noNaN: true }), { maxLength: 80, size: 'max' }), (ps) => {
        const { alarmAt, max } = jumperMartingaleLog10(ps, 0.05);
        expect(alarmAt !== null).equal(max >= -Math.log10(0.05));
        if (alarmAt === null) return;
        expect(jumperMartingaleLog10(ps.slice(0, alarmAt), 0.05).alarmAt).equal(alarmAt);
        expect(jumperMartingaleLog10(ps.slice(0, alarmAt - 1), 0.05).alarmAt).equal(null);
      }),
    );
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
    expect(jumperMartingaleLog10([])).deep.equal({ final: 0, max: 0, alarmAt: null });
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

describe('diagnose', () => {
  const random = randomStream(4, 'diagnose');
  const seen = Array.from({ length: 600 }, (_, index): Observation => {
    const p = random.uniform();
    return { turn: index % 3, problem: `p${index % 20}`, p, rejected: p <= 0.4, score: random.uniform() };
  });

  it('gives in one strict JSON object what the single functions give', () => {
    const diagnostics = diagnose(seen, { alpha: 0.4, bankSize: 240 })!;
    expect(JSON.parse(JSON.stringify(diagnostics))).deep.equal(diagnostics);
    const rejected = seen.map((observation) => observation.rejected);
    const overall = rejected.filter(Boolean).length / 600;
    expect(diagnostics).deep.include({
      ...{ decisions: 600, wanted: 0.4, overall, perTurn: ratePerTurn(seen), perProblem: ratePerProblem(seen) },
      rolling: { window: 200, ...rollingRange(rejected) },
      duplicates: duplicates(seen.map(({ score }) => score!)),
    });
    const ps = seen.map(({ p }) => p);
    expect(diagnostics.martingale).deep.equal({ delta: 0.01, ...jumperMartingaleLog10(ps) });
    expect(diagnostics.ks).deep.equal(kolmogorovSmirnovUniform(ps));
    const [lower, upper] = betaBinomialInterval(600, 240, 0.4);
    expect(diagnostics.split).deep.equal({ level: 0.95, lower: lower / 600, upper: upper / 600 });
    expect(diagnostics.interval.lower).below(overall);
    expect(diagnostics.interval.upper).above(overall);
  });

  it('leaves out what it cannot tell', () => {
    expect(diagnose([], { alpha: 0.4 })).equal(null);
    const few = seen.slice(0, 10).map(({ score, ...rest }) => rest);
    expect(diagnose(few, { alpha: 0.4 })).deep.include({ split: null, rolling: null, duplicates: null });
  });
});
