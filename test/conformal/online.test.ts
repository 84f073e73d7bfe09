import { expect } from 'chai';
import fc from 'fast-check';
import { ScoreBank } from '../../src/conformal/bank.js';
import type { CalibrationName, ScoredChunk } from '../../src/conformal/calibrator.js';
import { type CalibratorOptions, makeCalibrator } from '../../src/conformal/calibrators/index.js';
import { rollingRange } from '../../src/conformal/index.js';

const evenBank = () => new ScoreBank(Array.from({ length: 99 }, (_, i) => i / 33));

function rule(name: CalibrationName, rest: Partial<CalibratorOptions> = {}) {
  const turns = [evenBank()];
  return makeCalibrator({ ...{ name, alpha: 0.4, pValue: 'conformal', seed: 0, banks: { turns } }, ...rest });
}

/** Scores that fill [0, 3] evenly in any stretch; those of turn t lie `apart`·t above. */
function evenStream(length: number, turns: number, apart: number): ScoredChunk[] {
  return Array.from({ length }, (_, step) => {
    const turn = step % turns;
    return { problem: 'a', sample: step, turn, score: ((step * 0.618034) % 1) * 3 + apart * turn };
  });
}

function rejectionsOf(name: CalibrationName, stream: readonly ScoredChunk[], rest: Partial<CalibratorOptions> = {}) {
  const own = rule(name, rest);
  return stream.map((chunk) => own.decide([chunk])[0]!.rejected);
}

describe('online calibration', () => {
  it('keeps every 200 consecutive decisions within 0.08 of any rate, on any sequence', () => {
    const score = fc.oneof(fc.constantFrom(-1, 4), fc.double({ min: 0, max: 3, noNaN: true }));
    const stretch = fc.tuple(score, fc.nat(14), fc.integer({ min: 1, max: 300 }));
    const sequence = fc.array(stretch, { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), sequence, (alpha, stretches) => {
        const stream = stretches.flatMap(([value, turn, length]) =>
          Array.from({ length }, (_, sample) => ({ problem: 'a', sample, turn, score: value })),
        );
        const range = rollingRange(rejectionsOf('online', stream, { alpha }));
        if (range === null) return;
        expect(range.min).at.least(alpha - 0.08 - 1e-9);
        expect(range.max).at.most(alpha + 0.08 + 1e-9);
      }),
    );
  });

  it('brings a turn to the rate whose scores lie above the bank, where a rate per turn stays off', () => {
    // Against this bank a static rule rejects 0.4, 0.57 and 0.73 of turns 0, 1 and 2.
    const stream = evenStream(900, 3, 0.5);
    const offBy = (name: CalibrationName) => {
      const rejected = rejectionsOf(name, stream, { grow: false });
      const counts = [0, 1, 2].map((turn) => rejected.filter((one, i) => one && stream[i]!.turn === turn).length);
      return Math.max(...counts.map((count) => Math.abs(count - 0.4 * 300)));
    };
    expect(offBy('online')).at.most(0.02 * 300);
    expect(offBy('turn-aci')).above(offBy('online'));
  });

  it('rejects the worst chunks of a turn where they come in any order', () => {
    const stream = evenStream(2000, 2, 4);
    const rejected = rejectionsOf('online', stream);
    // The worst α of a turn's scores are those in the upper two fifths of its range.
    const bad = stream.filter(({ score, turn }, i) => rejected[i] && score - 4 * turn >= 1.8).length;
    expect(bad / rejected.filter(Boolean).length).above(0.9);
  });

  it('starts from the bank alone: the first rate in force is α', () => {
    for (const alpha of [0.1, 0.4, 0.9]) {
      const [decision] = rule('online', { alpha }).decide([{ problem: 'a', sample: 0, turn: 3, score: 1 }]);
      expect(decision!.alpha).closeTo(alpha, 1e-12);
    }
  });

  it('cuts at the quantile of the turn’s own p-values, 50 even ones mixed in', () => {
    // One value of p, 50 times: half of the law lies at it, half is even. A pull of nearly nothing is left by hand.
    const own = rule('online', { alpha: 0.5, grow: false });
    const low = (turn: number, sample: number) => ({ problem: 'a', sample, turn, score: sample % 2 === 0 ? 10 : -10 });
    for (let sample = 0; sample < 50; sample++) own.decide([low(0, sample)]);
    // p is 0.01 or 1 in turns, 25 times each; Q(½) solves 50x + 25 = ½·100, deficits being 0.
    const [decision] = own.decide([{ problem: 'a', sample: 50, turn: 0, score: 1.5 }]);
    expect(decision!.alpha).closeTo(0.5, 1e-9);
    // A turn that has seen nothing yet is cut at α.
    expect(own.decide([{ problem: 'a', sample: 0, turn: 1, score: 10 }])[0]!.alpha).closeTo(0.5, 0.01);
  });
});
