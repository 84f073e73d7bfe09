import { expect } from 'chai';
import fc from 'fast-check';
import { ScoreBank } from '../../src/conformal/bank.js';
import { problemWeights } from '../../src/conformal/banks.js';
import { type PValueKind, pValue, smoothingUniform } from '../../src/conformal/p-value.js';
import { AttsError } from '../../src/errors.js';

const kinds: PValueKind[] = ['conformal', 'smoothed', 'percentile'];

/** n + 1 exchangeable scores, ties likely: each of them is equally likely to be the new one. */
const tied = fc.constantFrom(0, 1, 2, 3, 4, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
const exchangeable = fc.array(tied, { minLength: 2, maxLength: 12 });

function eachAsNew(scores: number[], visit: (bank: ScoreBank, score: number) => void): void {
  scores.forEach((score, index) => {
    visit(new ScoreBank(scores.toSpliced(index, 1)), score);
  });
}

describe('a p-value', () => {
  it('has the value of its formula', () => {
    const bank = new ScoreBank([1, 2, 2, 3]);
    expect(pValue('conformal', bank, 2, 0)).equal(4 / 5);
    expect(pValue('smoothed', bank, 2, 0.25)).equal((1 + 0.25 * 3) / 5);
    expect(pValue('percentile', bank, 2, 0)).equal(3 / 4);
    expect(pValue('conformal', bank, Number.POSITIVE_INFINITY, 0)).equal(1 / 5);
    expect(pValue('percentile', bank, Number.POSITIVE_INFINITY, 0)).equal(0);
  });

  it('conformal: is at most α with probability at most α, for every α and any ties', () => {
    fc.assert(
      fc.property(exchangeable, (scores) => {
        const values: number[] = [];
        eachAsNew(scores, (bank, score) => values.push(pValue('conformal', bank, score, 0)));
        for (const alpha of values) {
          const share = values.filter((p) => p <= alpha).length / values.length;
          expect(share).at.most(alpha + 1e-12);
        }
      }),
    );
  });

  it('conformal: is exactly uniform on the ranks when no scores tie', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer(), { minLength: 2, maxLength: 12 }), (scores) => {
        const values: number[] = [];
        eachAsNew(scores, (bank, score) => values.push(pValue('conformal', bank, score, 0)));
        expect(values.sort((a, b) => a - b)).deep.equal(scores.map((_, index) => (index + 1) / scores.length));
      }),
    );
  });

  it('smoothed: is exactly uniform, any ties', () => {
    fc.assert(
      fc.property(exchangeable, fc.double({ min: 0, max: 1, noNaN: true }), (scores, alpha) => {
        // p is linear in u, so P(p ≤ α | new score) is known from its values at u = 0 and u = 1.
        let mass = 0;
        eachAsNew(scores, (bank, score) => {
          const low = pValue('smoothed', bank, score, 0);
          const high = pValue('smoothed', bank, score, 1);
          mass += Math.min(1, Math.max(0, (alpha - low) / (high - low))) / scores.length;
        });
        expect(mass).closeTo(alpha, 1e-12);
      }),
    );
  });

  it('takes an infinite score for the worst or the best there is, and infinities of one sign for ties', () => {
    const [worst, best] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const bank = new ScoreBank([best, 1, 2, worst, worst]);
    expect(pValue('conformal', bank, worst, 0)).equal(3 / 6);
    expect(pValue('smoothed', bank, worst, 0.5)).equal((0.5 * 3) / 6);
    expect(pValue('percentile', bank, worst, 0)).equal(2 / 5);
    expect(pValue('conformal', bank, best, 0)).equal(1);
    expect(pValue('smoothed', bank, best, 0.5)).equal((4 + 0.5 * 2) / 6);
    expect(pValue('percentile', bank, best, 0)).equal(1);
  });

  it('weighted: each problem counting once, is at most α with probability at most α for a chunk of a new problem', () => {
    // Problems are exchangeable: each is equally likely to be the new one, and each of its scores to be its chunk.
    const problem = fc.array(tied, { minLength: 1, maxLength: 6 });
    const lawOf = (problems: number[][], isWeighted: boolean) =>
      problems.flatMap((own, index) => {
        const others = problems.toSpliced(index, 1);
        const names = others.flatMap((scores, name) => scores.map(() => String(name)));
        const bank = new ScoreBank(others.flat(), {}, isWeighted ? problemWeights(names) : undefined);
        const probability = 1 / (problems.length * own.length);
        return own.map((score) => ({ p: pValue('conformal', bank, score, 0), probability }));
      });
    const excess = (law: { p: number; probability: number }[]) =>
      Math.max(
        ...law.map(({ p: alpha }) =>
          law.reduce((sum, { p, probability }) => sum + (p <= alpha ? probability : 0), -alpha),
        ),
      );
    fc.assert(
      fc.property(fc.array(problem, { minLength: 2, maxLength: 7 }), (problems) => {
        expect(excess(lawOf(problems, true))).at.most(1e-12);
      }),
    );
    // Counted one by one, the scores of the long problem speak for all: the three short, bad ones are rejected as rare.
    const uneven = [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1], [2], [3]];
    expect(excess(lawOf(uneven, false))).above(0.4);
    expect(excess(lawOf(uneven, true))).at.most(1e-12);
  });

  it('percentile: rejects iff the share of lower scores reaches 1 − α', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1 }),
        fc.integer({ min: 0, max: 20 }),
        (bank, s) => {
          const n = bank.length;
          const below = bank.filter((value) => value < s).length;
          // In whole numbers: α = k/n.
          for (let k = 0; k <= n; k++)
            expect(pValue('percentile', new ScoreBank(bank), s, 0) <= k / n).equal(below >= n - k);
        },
      ),
    );
  });

  it('does not change when all scores go through one increasing function', () => {
    const stretched = (score: number): number => 3 * score + 7;
    const scores = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1 });
    fc.assert(
      fc.property(scores, fc.integer({ min: -50, max: 50 }), fc.constantFrom(...kinds), (values, s, kind) => {
        const plain = pValue(kind, new ScoreBank(values), s, 0.3);
        expect(pValue(kind, new ScoreBank(values.map(Math.exp)), Math.exp(s), 0.3)).equal(plain);
        expect(pValue(kind, new ScoreBank(values.map(stretched)), stretched(s), 0.3)).equal(plain);
      }),
    );
  });

  it('falls as the score rises', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1 }),
        fc.nat(9),
        fc.nat(9),
        fc.constantFrom(...kinds),
        (values, s, t, kind) => {
          const bank = new ScoreBank(values);
          expect(pValue(kind, bank, Math.max(s, t), 0.5)).at.most(pValue(kind, bank, Math.min(s, t), 0.5));
        },
      ),
    );
  });

  it('is refused for NaN and for an empty bank', () => {
    for (const kind of kinds) {
      expect(() => pValue(kind, new ScoreBank([1]), Number.NaN, 0))
        .throw(AttsError)
        .with.property('code', 'score');
      expect(() => pValue(kind, new ScoreBank(), Number.NaN, 0))
        .throw(AttsError)
        .with.property('code', 'score');
      expect(() => pValue(kind, new ScoreBank(), 1, 0))
        .throw(AttsError)
        .with.property('code', 'run');
    }
  });
});

describe('the uniform of a smoothed p-value', () => {
  it('depends on seed, problem, sample and turn, each, and not on the score', () => {
    const chunk = { problem: 'a', sample: 0, turn: 0, score: 1 };
    const base = smoothingUniform(1, chunk);
    expect(base).within(0, 1);
    expect(smoothingUniform(1, { ...chunk, score: 2 })).equal(base);
    expect(smoothingUniform(2, chunk)).not.equal(base);
    expect(smoothingUniform(1, { ...chunk, problem: 'b' })).not.equal(base);
    expect(smoothingUniform(1, { ...chunk, sample: 1 })).not.equal(base);
    expect(smoothingUniform(1, { ...chunk, turn: 1 })).not.equal(base);
  });
});
