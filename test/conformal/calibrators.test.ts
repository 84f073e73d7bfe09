import { expect } from 'chai';
import fc from 'fast-check';
import { ScoreBank } from '../../src/conformal/bank.js';
import { type CalibrationName, calibrationNames, type ScoredChunk } from '../../src/conformal/calibrator.js';
import { type CalibratorOptions, makeCalibrator } from '../../src/conformal/calibrators/index.js';
import { betaBinomialLaw } from '../../src/conformal/index.js';
import type { PValueKind } from '../../src/conformal/p-value.js';
import { AttsError } from '../../src/errors.js';

const learning: CalibrationName[] = ['online', 'aci', 'turn-aci', 'dtaci', 'pid'];
/** Every rule, the budget in both of its forms. */
const rules: Partial<CalibratorOptions>[] = [
  ...calibrationNames.map((name) => ({ name })),
  { name: 'budget', barrier: false },
];
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

  it('marginal: the number of rejections is Beta-binomial, exactly', () => {
    const [bankSize, count, alpha] = [4, 3, 0.4];
    const law = new Array<number>(count + 1).fill(0);
    const orders = permutations([0, 1, 2, 3, 4, 5, 6]);
    for (const order of orders) {
      const banks = { turns: [new ScoreBank(order.slice(0, bankSize))] };
      const rule = makeCalibrator(options('marginal', { alpha, banks }));
      const fresh = order.slice(bankSize).map((score, sample) => chunk(score, { sample }));
      law[rule.decide(fresh).filter(({ rejected }) => rejected).length]! += 1 / orders.length;
    }
    // k = floor(α(m + 1)) = 2.
    betaBinomialLaw(count, 2, 3).forEach((probability, x) => {
      expect(law[x]).closeTo(probability, 1e-9);
    });
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
    for (const name of ['marginal', 'per-question', 'per-turn'] as const) {
      expect(() => makeCalibrator(options(name, { banks: { turns: [] } })))
        .throw(AttsError)
        .with.property('code', 'run');
    }
  });
});

describe('every calibrator', () => {
  it('decides the same when all scores go through one increasing function, and by p ≤ alpha', () => {
    const score = fc.oneof(fc.integer({ min: 0, max: 15 }), fc.constant(Number.POSITIVE_INFINITY));
    const group = fc.array(fc.tuple(score, fc.constantFrom('a', 'b'), fc.nat(3)), { minLength: 1, maxLength: 60 });
    const increasing = fc.constantFrom<(x: number) => number>(
      (x) => Math.exp(x),
      (x) => 3 * x - 100,
      (x) => Math.atan(x),
    );
    fc.assert(
      fc.property(fc.constantFrom(...rules), kind, group, increasing, ({ name, ...form }, pValue, steps, stretch) => {
        const banks = (change: (x: number) => number) => ({
          turns: [
            [1, 2, 3, 4],
            [11, 12],
          ].map((scores) => new ScoreBank(scores.map(change))),
          questions: new Map(['a', 'b'].map((problem) => [problem, new ScoreBank([2, 7, 9].map(change))])),
        });
        const decide = (change: (x: number) => number) => {
          const rule = makeCalibrator(options(name!, { ...form, pValue, banks: banks(change) }));
          return steps.map(([value, problem, turn], sample) =>
            rule.decide([chunk(change(value), { problem, turn, sample })]),
          );
        };
        const plain = decide((x) => x);
        expect(decide(stretch)).deep.equal(plain);
        for (const { p, alpha, rejected } of plain.flat()) expect(rejected).equal(p <= alpha);
      }),
    );
  });

  it('never accepts NaN, and learns nothing from a group that holds one', () => {
    for (const { name, ...form } of rules) {
      const rule = makeCalibrator(options(name!, form));
      const untouched = makeCalibrator(options(name!, form));
      expect(() => rule.decide([chunk(1), chunk(Number.NaN, { sample: 1 })]))
        .throw(AttsError, 'NaN')
        .with.property('code', 'score');
      expect(rule.bound()).deep.equal(untouched.bound());
      expect(rule.decide([chunk(2.5)])).deep.equal(untouched.decide([chunk(2.5)]));
    }
  });

  it('takes an infinite score for the worst there is', () => {
    for (const { name, ...form } of rules) {
      const group = [1, Number.POSITIVE_INFINITY, 2].map((score, sample) => chunk(score, { sample }));
      const [low, infinite, middle] = makeCalibrator(options(name!, { ...form, grow: false })).decide(group);
      expect(infinite!.rejected).equal(true);
      expect(infinite!.p).below(Math.min(low!.p, middle!.p));
    }
  });

  it('says whether it learns: a rule that does not forgets what came before', () => {
    for (const { name, ...form } of rules) {
      const rule = makeCalibrator(options(name!, form));
      expect(rule.learns).equal(learning.includes(name!) || form.barrier === false);
      const before = rule.decide([chunk(2.5)]);
      for (let sample = 0; sample < 20; sample++) rule.decide([chunk(9, { sample })]);
      if (!rule.learns) expect(rule.decide([chunk(2.5)])).deep.equal(before);
      else expect(rule.decide([chunk(2.5)])).not.deep.equal(before);
    }
  });

  it('is refused for an impossible rate', () => {
    for (const { name, ...form } of rules) {
      for (const alpha of [-0.1, 1.1, Number.NaN]) {
        expect(() => makeCalibrator(options(name!, { ...form, alpha })))
          .throw(AttsError)
          .with.property('code', 'config');
      }
    }
  });
});

function permutations(values: number[]): number[][] {
  if (values.length <= 1) return [values];
  return values.flatMap((first, i) => permutations(values.toSpliced(i, 1)).map((rest) => [first, ...rest]));
}
