import { expect } from 'chai';
import fc from 'fast-check';
import { ScoreBank } from '../../src/conformal/bank.js';
import type { CalibrationName, ScoredChunk } from '../../src/conformal/calibrator.js';
import { type CalibratorOptions, makeCalibrator } from '../../src/conformal/calibrators/index.js';
import type { PValueKind } from '../../src/conformal/p-value.js';
import { AttsError } from '../../src/errors.js';

const names: CalibrationName[] = ['marginal', 'per-question', 'per-turn', 'online', 'budget'];
const kind = fc.constantFrom<PValueKind>('conformal', 'smoothed', 'percentile');

function options(name: CalibrationName, rest: Partial<CalibratorOptions> = {}): CalibratorOptions {
  const turns = [new ScoreBank([1, 2, 3, 4]), new ScoreBank([11, 12, 13, 14])];
  const questions = new Map([
    ['a', new ScoreBank([1, 2])],
    ['b', new ScoreBank([101, 102])],
  ]);
  return { name, alpha: 0.4, gamma: 0.05, pValue: 'conformal', seed: 0, banks: { turns, questions }, ...rest };
}

function chunk(score: number, rest: Partial<ScoredChunk> = {}): ScoredChunk {
  return { problem: 'a', sample: 0, turn: 0, score, ...rest };
}

describe('a static calibrator', () => {
  it('gives every chunk the same decision in any order and grouping', () => {
    const group = fc.uniqueArray(
      fc.record({
        problem: fc.constantFrom('a', 'b'),
        sample: fc.nat(7),
        turn: fc.nat(4),
        score: fc.constantFrom(1, 2, 3, 12, 101.5, Number.POSITIVE_INFINITY),
      }),
      { selector: ({ problem, sample, turn }) => `${problem}/${sample}/${turn}`, maxLength: 20 },
    );
    const name = fc.constantFrom<CalibrationName>('marginal', 'per-question', 'per-turn');
    fc.assert(
      fc.property(name, kind, group, fc.infiniteStream(fc.nat()), (which, pValue, chunks, keys) => {
        const together = makeCalibrator(options(which, { pValue })).decide(chunks);
        const one = makeCalibrator(options(which, { pValue }));
        const shuffled = chunks.map((_, index) => ({ index, key: keys.next().value as number }));
        shuffled.sort((x, y) => x.key - y.key);
        for (const { index } of shuffled) expect(one.decide([chunks[index]!])).deep.equal([together[index]]);
      }),
    );
  });

  it('marginal: judges every turn by the scores of turn 0', () => {
    const rule = makeCalibrator(options('marginal'));
    expect(rule.decide([chunk(12, { turn: 1 })])).deep.equal([{ p: 1 / 5, alpha: 0.4, rejected: true }]);
    expect(rule.bound()).equal(null);
  });

  it('per-turn: judges a turn by its own scores, a turn without any by the last earlier one', () => {
    const rule = makeCalibrator(options('per-turn'));
    expect(rule.decide([chunk(12, { turn: 1 }), chunk(12, { turn: 9 }), chunk(12)]).map(({ p }) => p)).deep.equal([
      4 / 5,
      4 / 5,
      1 / 5,
    ]);
    const turns = [new ScoreBank([1]), new ScoreBank(), new ScoreBank([5])];
    const gap = makeCalibrator(options('per-turn', { banks: { turns } }));
    expect(gap.decide([chunk(3, { turn: 1 }), chunk(3, { turn: 2 })]).map(({ p }) => p)).deep.equal([1 / 2, 1]);
  });

  it('per-question: judges a problem by its own scores and refuses one without', () => {
    const rule = makeCalibrator(options('per-question'));
    expect(rule.decide([chunk(50), chunk(50, { problem: 'b' })]).map(({ p }) => p)).deep.equal([1 / 3, 1]);
    expect(() => rule.decide([chunk(1, { problem: 'c' })]))
      .throw(AttsError, 'problem c')
      .with.property('code', 'run');
  });

  it('is refused without the bank that it needs', () => {
    for (const name of names.slice(0, 3)) {
      expect(() => makeCalibrator(options(name, { banks: { turns: [] } })))
        .throw(AttsError)
        .with.property('code', 'run');
    }
  });
});

describe('the rank rule', () => {
  it('rejects round(α·m) of every group, the worst, and says so by p ≤ alpha', () => {
    const scores = fc.array(fc.constantFrom(-1, 0, 1, 2, Number.POSITIVE_INFINITY), { maxLength: 20 });
    fc.assert(
      fc.property(scores, fc.double({ min: 0, max: 1, noNaN: true }), (values, alpha) => {
        const group = values.map((score, sample) => chunk(score, { sample }));
        const decisions = makeCalibrator(options('budget', { alpha })).decide(group);
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
    const decisions = makeCalibrator(options('budget', { alpha: 0.5 })).decide(group);
    expect(decisions.map(({ rejected }) => rejected)).deep.equal([false, true, true, false]);
    expect(decisions.map(({ p }) => p)).deep.equal([1, 0.5, 0.25, 0.75]);
  });
});

describe('every calibrator', () => {
  it('never accepts NaN, and learns nothing from a group that holds one', () => {
    for (const name of names) {
      const rule = makeCalibrator(options(name));
      const untouched = makeCalibrator(options(name));
      expect(() => rule.decide([chunk(1), chunk(Number.NaN, { sample: 1 })]))
        .throw(AttsError, 'NaN')
        .with.property('code', 'score');
      expect(rule.bound()).deep.equal(untouched.bound());
      expect(rule.decide([chunk(2.5)])).deep.equal(untouched.decide([chunk(2.5)]));
    }
  });

  it('takes an infinite score for the worst there is', () => {
    for (const name of names) {
      const group = [1, Number.POSITIVE_INFINITY, 2].map((score, sample) => chunk(score, { sample }));
      const [low, infinite, middle] = makeCalibrator(options(name, { grow: false })).decide(group);
      expect(infinite!.rejected).equal(true);
      expect(infinite!.p).below(Math.min(low!.p, middle!.p));
    }
  });

  it('is refused for an impossible rate', () => {
    for (const name of names) {
      for (const alpha of [-0.1, 1.1, Number.NaN]) {
        expect(() => makeCalibrator(options(name, { alpha })))
          .throw(AttsError)
          .with.property('code', 'config');
      }
    }
  });
});
