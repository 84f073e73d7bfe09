import { expect } from 'chai';
import fc from 'fast-check';
import { ScoreBank } from '../../src/conformal/bank.js';
import type { Decision, ScoredChunk } from '../../src/conformal/calibrator.js';
import { type CalibratorOptions, makeCalibrator } from '../../src/conformal/calibrators/index.js';
import type { PValueKind } from '../../src/conformal/p-value.js';
import { AttsError } from '../../src/errors.js';

const WORST = Number.POSITIVE_INFINITY;
const BEST = Number.NEGATIVE_INFINITY;

function online(rest: Partial<CalibratorOptions> = {}) {
  const turns = [new ScoreBank([1, 2, 3, 4])];
  return makeCalibrator({
    name: 'online',
    alpha: 0.4,
    gamma: 0.05,
    pValue: 'conformal',
    seed: 0,
    banks: { turns },
    ...rest,
  });
}

function chunk(score: number, turn = 0, sample = 0): ScoredChunk {
  return { problem: 'a', sample, turn, score };
}

/** Counts rejections and compares the rate with the bound of method and docstring, written out once more. */
function watch(alpha: number, gamma: number) {
  let decisions = 0;
  let rejections = 0;
  return {
    see({ rejected }: Decision): void {
      decisions++;
      if (rejected) rejections++;
      const bound = (Math.max(alpha, 1 - alpha) + gamma) / (gamma * decisions);
      expect(Math.abs(rejections / decisions - alpha)).at.most(bound);
    },
  };
}

const alphas = fc.double({ min: 0, max: 1, noNaN: true });
const gammas = fc.oneof(fc.constant(0.05), fc.double({ min: 0.001, max: 2, noNaN: true }));

describe('online calibration', () => {
  it('keeps the realised rate within the stated bound on any sequence', () => {
    const score = fc.oneof(fc.constantFrom(BEST, WORST, 1, 2), fc.double({ noNaN: true }));
    const sequence = fc.array(fc.tuple(score, fc.nat(6)), { minLength: 1, maxLength: 300, size: 'max' });
    const kind = fc.constantFrom<PValueKind>('conformal', 'smoothed', 'percentile');
    fc.assert(
      fc.property(alphas, gammas, kind, fc.boolean(), sequence, (alpha, gamma, pValue, grow, steps) => {
        const rule = online({ alpha, gamma, pValue, grow });
        const watcher = watch(alpha, gamma);
        steps.forEach(([value, turn], sample) => {
          for (const decision of rule.decide([chunk(value, turn, sample)])) watcher.see(decision);
        });
        const bound = rule.bound()!;
        expect(bound.holds).equal(true);
        expect(bound.value).closeTo((Math.max(alpha, 1 - alpha) + gamma) / (gamma * steps.length), 1e-12);
      }),
    );
  });

  /**
   * The adversary of the docstring. It sees the state, drives the correction up through the turn whose rate is highest
   * and down through the one whose rate is lowest, and turns round at moments of its choice: this parts the turns' rates
   * ever further. Without the guard the same adversary breaks the bound; the test shows both.
   */
  function attack(turns: number, reversals: number[], guarded: boolean): number {
    const alpha = 0.4;
    const gamma = 0.05;
    const rule = online({ alpha, gamma, pValue: 'percentile', grow: false });
    const watcher = watch(alpha, gamma);
    const rates = new Array<number>(turns).fill(0);
    let correction = 0;
    let furthest = 0;
    let up = true;
    for (const steps of reversals) {
      for (let step = 0; step < steps; step++) {
        const movable = rates
          .map((rate, turn) => ({ rate, turn }))
          .filter(({ rate }) => (up ? alpha + rate + correction < 1 : alpha + rate + correction >= 0))
          .sort((a, b) => (up ? b.rate - a.rate : a.rate - b.rate))[0];
        if (movable === undefined) break;
        // p = 1 is accepted unless the threshold has reached 1, p = 0 rejected unless it has gone below 0.
        let rejected = !up;
        if (guarded) {
          const [decision] = rule.decide([chunk(up ? BEST : WORST, movable.turn)]);
          watcher.see(decision!);
          rejected = decision!.rejected;
        }
        const move = gamma * (alpha - (rejected ? 1 : 0));
        rates[movable.turn]! += move;
        correction += move;
        furthest = Math.max(furthest, Math.abs(correction));
      }
      up = !up;
    }
    if (guarded) expect(rule.bound()!.holds).equal(true);
    return furthest;
  }

  it('keeps the bound against an adversary that sees the state and parts the turns', () => {
    const reversals = fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 40, size: 'max' });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 15 }), reversals, (turns, when) => {
        expect(attack(turns, when, true)).at.most(0.6 + 0.05);
      }),
    );
  });

  it('needs its guard: the sum of the two rates alone lets that adversary through', () => {
    const when = Array.from({ length: 60 }, (_, index) => 40 + ((index * 37) % 90));
    expect(attack(15, when, false)).above(0.6 + 0.05);
    expect(attack(15, when, true)).at.most(0.6 + 0.05);
  });

  it('moves the threshold of the same turn by 2γ(α − rejected) and of the others by γ(α − rejected)', () => {
    const rule = online();
    const [first] = rule.decide([chunk(BEST, 0)]);
    expect(first).deep.equal({ p: 1, alpha: 0.4, rejected: false });
    expect(rule.decide([chunk(WORST, 1)])[0]!.alpha).closeTo(0.4 + 0.02, 1e-12);
    expect(rule.decide([chunk(BEST, 0)])[0]!.alpha).closeTo(0.4 + 0.02 + 0.02 - 0.03, 1e-12);
    expect(rule.decide([chunk(BEST, 1)])[0]!.alpha).closeTo(0.4 - 0.03 + 0.02 - 0.03 + 0.02, 1e-12);
  });

  it('decides a group like its chunks one after the other', () => {
    const values = [3, 1, 2, WORST, 2.5, 9, 0];
    const chunks = values.map((value, sample) => chunk(value, sample % 3, sample));
    const single = online();
    expect(online().decide(chunks)).deep.equal(chunks.flatMap((one) => single.decide([one])));
  });

  it('learns a score after deciding on it, and leaves the given bank as it was', () => {
    const bank = new ScoreBank([1, 2, 3, 4]);
    const rule = online({ banks: { turns: [bank] } });
    expect(rule.decide([chunk(10), chunk(10), chunk(10)]).map(({ p }) => p)).deep.equal([1 / 5, 2 / 6, 3 / 7]);
    expect(bank.size).equal(4);
    const still = online({ banks: { turns: [bank] }, grow: false });
    expect(still.decide([chunk(10), chunk(10)]).map(({ p }) => p)).deep.equal([1 / 5, 1 / 5]);
  });

  it('starts without a bank: the first score has p = 1, the next are ranked against it', () => {
    for (const turns of [[], [new ScoreBank()]]) {
      for (const pValue of ['conformal', 'percentile'] as const) {
        const decisions = online({ banks: { turns }, pValue }).decide([chunk(5), chunk(6), chunk(4)]);
        expect(decisions[0]).deep.equal({ p: 1, alpha: 0.4, rejected: false });
        expect(decisions[1]!.p).equal(pValue === 'conformal' ? 1 / 2 : 0);
        expect(decisions[2]!.p).equal(1);
      }
    }
  });

  it('has no bound before the first decision, and none to offer for a step that is not positive', () => {
    expect(online().bound()).equal(null);
    for (const gamma of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => online({ gamma }))
        .throw(AttsError, 'gamma')
        .with.property('code', 'config');
    }
  });

  it('brings every turn to the wanted rate although the turns differ', () => {
    // Turn 1 scores lie 3 above the bank: a static rule would reject them all.
    const rule = online({ banks: { turns: [new ScoreBank(Array.from({ length: 99 }, (_, i) => i / 33))] } });
    const rejections = [0, 0];
    for (let step = 0; step < 4000; step++) {
      const turn = step % 2;
      const [{ rejected }] = rule.decide([chunk(((step * 0.618034) % 1) * 3 + 3 * turn, turn)]) as [Decision];
      if (rejected) rejections[turn]!++;
    }
    for (const count of rejections) expect(count / 2000).closeTo(0.4, 0.02);
  });
});
