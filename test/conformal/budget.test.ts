import { expect } from 'chai';
import fc from 'fast-check';
import { ScoreBank } from '../../src/conformal/bank.js';
import type { ScoredChunk } from '../../src/conformal/calibrator.js';
import { type CalibratorOptions, makeCalibrator } from '../../src/conformal/calibrators/index.js';

function budget(rest: Partial<CalibratorOptions> = {}) {
  const banks = { turns: [] };
  return makeCalibrator({ ...{ name: 'budget', alpha: 0.4, pValue: 'conformal', seed: 0, banks }, ...rest });
}

function chunk(score: number, rest: Partial<ScoredChunk> = {}): ScoredChunk {
  return { problem: 'a', sample: 0, turn: 0, score, ...rest };
}

describe('the budget at a barrier', () => {
  it('rejects round(α·m) of every group, the worst, and says so by p ≤ alpha', () => {
    const scores = fc.array(fc.constantFrom(-1, 0, 1, 2, Number.POSITIVE_INFINITY), { maxLength: 20 });
    fc.assert(
      fc.property(scores, fc.double({ min: 0, max: 1, noNaN: true }), (values, alpha) => {
        const group = values.map((score, sample) => chunk(score, { sample }));
        const decisions = budget({ alpha }).decide(group);
        expect(decisions.filter(({ rejected }) => rejected).length).equal(Math.round(alpha * values.length));
        const kept = values.filter((_, index) => !decisions[index]!.rejected);
        decisions.forEach((decision, index) => {
          expect(decision.p <= decision.alpha).equal(decision.rejected);
          if (decision.rejected) expect(kept.every((score) => score <= values[index]!)).equal(true);
        });
      }),
    );
  });

  it('breaks ties by sample, lowest first, wherever the chunk stands in the group', () => {
    const group = [3, 1, 0, 2].map((sample) => chunk(5, { sample }));
    const decisions = budget({ alpha: 0.5 }).decide(group);
    expect(decisions.map(({ rejected }) => rejected)).deep.equal([false, true, true, false]);
    expect(decisions.map(({ p }) => p)).deep.equal([1, 0.5, 0.25, 0.75]);
  });
});

describe('the budget without a barrier', () => {
  const single = (rest: Partial<CalibratorOptions> = {}) => budget({ barrier: false, ...rest });

  it('is never 2 rejections off α·scored, in any problem and turn, at any moment, whatever comes in whatever order', () => {
    const score = fc.oneof(fc.constantFrom(-1, 9, Number.POSITIVE_INFINITY), fc.double({ noNaN: true }));
    const arrivals = fc.array(fc.tuple(score, fc.constantFrom('a', 'b', 'c'), fc.nat(3)), {
      maxLength: 300,
      size: 'max',
    });
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), arrivals, (alpha, hasBank, steps) => {
        const turns = hasBank ? [new ScoreBank([1, 2, 3])] : [];
        const rule = single({ alpha, banks: { turns } });
        const groups = new Map<string, { scored: number; rejected: number }>();
        let rejections = 0;
        steps.forEach(([value, problem, turn], index) => {
          const [{ p, alpha: rate, rejected }] = rule.decide([chunk(value, { problem, turn, sample: index })]);
          expect(rejected).equal(p <= rate);
          const group = groups.get(`${problem}${turn}`) ?? { scored: 0, rejected: 0 };
          groups.set(`${problem}${turn}`, group);
          group.scored++;
          if (rejected) group.rejected++;
          if (rejected) rejections++;
          expect(Math.abs(group.rejected - alpha * group.scored)).below(2 + 1e-9);
          const bound = rule.bound()!;
          expect(bound).deep.equal({ value: (2 * groups.size) / (index + 1), holds: true });
          expect(Math.abs(rejections / (index + 1) - alpha)).at.most(bound.value + 1e-9);
        });
      }),
    );
  });

  it('spends α·m in the mean, also where problems differ and m is not known', () => {
    for (const alpha of [0.1, 0.4, 0.7]) {
      const rule = single({ alpha, banks: { turns: [new ScoreBank(Array.from({ length: 50 }, (_, i) => i / 50))] } });
      let [missing, groups] = [0, 0];
      for (let problem = 0; problem < 400; problem++) {
        const size = 1 + (problem % 16);
        for (let sample = 0; sample < size; sample++) {
          const score = ((problem * 0.414214) % 1) + (((groups * 0.7 + sample) * 0.618034) % 1);
          const [{ rejected }] = rule.decide([chunk(score, { problem: String(problem), sample })]);
          missing += alpha - (rejected ? 1 : 0);
        }
        groups++;
      }
      expect(Math.abs(missing / groups)).below(0.05);
    }
  });

  it('rejects the worse siblings: most of what a barrier would have chosen', () => {
    const waiting = budget();
    const rule = single({ banks: { turns: [new ScoreBank(Array.from({ length: 50 }, (_, i) => i / 50))] } });
    let [same, all] = [0, 0];
    for (let problem = 0; problem < 300; problem++) {
      const group = Array.from({ length: 16 }, (_, sample) =>
        chunk(((problem * 16 + sample) * 0.618034) % 1, { problem: String(problem), sample }),
      );
      const chosen = waiting.decide(group);
      group.forEach((one, i) => {
        const [{ rejected }] = rule.decide([one]);
        if (rejected && chosen[i]!.rejected) same++;
        if (rejected) all++;
      });
    }
    expect(same / all).above(0.8);
  });

  it('takes an infinite score for the worst, and needs no bank', () => {
    const rule = single();
    const decisions = rule.decide([1, 2, 3, Number.POSITIVE_INFINITY].map((score, sample) => chunk(score, { sample })));
    expect(decisions[3]!.p).below(Math.min(...decisions.slice(0, 3).map(({ p }) => p)));
    expect(decisions[3]!.rejected).equal(true);
  });
});
