import { expect } from 'chai';
import fc from 'fast-check';
import { ScoreBank } from '../../src/conformal/bank.js';
import type { CalibrationName, Decision } from '../../src/conformal/calibrator.js';
import type { PValueKind } from '../../src/conformal/p-value.js';
import { AttsError } from '../../src/errors.js';
import { BEST, chunk, rule, WORST } from './rules.js';

const names = ['online', 'aci', 'turn-aci', 'dtaci', 'pid'] as const satisfies CalibrationName[];

/** Counts rejections and compares them with the laws of feedback.ts, written out once more. */
function watch(name: CalibrationName, alpha: number, gamma: number, delay = 0) {
  const reach = Math.max(alpha, 1 - alpha);
  const walls = name === 'turn-aci' ? 2 * reach : 1;
  let decisions = 0;
  let rejections = 0;
  let lowest = 0;
  let highest = 0;
  return {
    see({ p, alpha: rate, rejected }: Decision): void {
      expect(rejected).equal(p <= rate);
      decisions++;
      if (rejected) rejections++;
      const deficit = alpha * decisions - rejections;
      lowest = Math.min(lowest, deficit);
      highest = Math.max(highest, deficit);
      const bound = (reach + gamma * (1 + delay)) / (gamma * decisions);
      expect(Math.abs(rejections / decisions - alpha)).at.most(bound + 1e-12);
      // No two moments, so no window between them, are further apart.
      expect(highest - lowest).at.most(walls / gamma + 1 + delay + 1e-6);
    },
    get highest() {
      return highest;
    },
    get lowest() {
      return lowest;
    },
  };
}

const alphas = fc.double({ min: 0, max: 1, noNaN: true });
const gammas = fc.oneof(fc.constant(0.05), fc.double({ min: 0.001, max: 2, noNaN: true }));
const delays = fc.oneof(fc.constant(0), fc.nat(30));
const score = fc.oneof(fc.constantFrom(BEST, WORST, 1, 2), fc.double({ noNaN: true }));
const sequences = fc.array(fc.tuple(score, fc.nat(6)), { minLength: 1, maxLength: 300, size: 'max' });
/** Lengths of the stretches in which an adversary sends only the best, then only the worst chunks. */
const stretches = fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 30, size: 'max' });
const kinds = fc.constantFrom<PValueKind>('conformal', 'smoothed', 'percentile');

for (const name of names) {
  describe(`${name}: a rule that learns from its decisions`, () => {
    it('keeps rate and windows within the stated bounds on any sequence, settled at once or late', () => {
      fc.assert(
        fc.property(
          ...[alphas, gammas, delays, kinds, fc.boolean(), sequences],
          (alpha, gamma, delay, pValue, grow, steps) => {
            const own = rule(name, { alpha, gamma, delay, pValue, grow });
            const watcher = watch(name, alpha, gamma, delay);
            steps.forEach(([value, turn], sample) => {
              watcher.see(own.decide([chunk(value, turn, sample)])[0]!);
            });
            const bound = own.bound()!;
            expect(bound.holds).equal(true);
            const reach = Math.max(alpha, 1 - alpha);
            expect(bound.value).closeTo((reach + gamma * (1 + delay)) / (gamma * steps.length), 1e-9);
          },
        ),
      );
    });

    it('keeps them against an adversary that sees every rate in force and sends what it lets through', () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 15 }), delays, stretches, (turns, delay, when) => {
          const own = rule(name, { delay, pValue: 'percentile', grow: false });
          const watcher = watch(name, 0.4, 0.05, delay);
          const rates = new Array<number>(turns).fill(0.4);
          when.forEach((steps, index) => {
            const up = index % 2 === 0;
            for (let step = 0; step < steps; step++) {
              // The turn that was last seen to be the most lenient to this side, so the turns part ever further.
              const turn = rates.indexOf(up ? Math.min(...rates) : Math.max(...rates));
              const [decision] = own.decide([chunk(up ? BEST : WORST, turn)]);
              watcher.see(decision!);
              rates[turn] = decision!.alpha;
            }
          });
          expect(own.bound()!.holds).equal(true);
        }),
      );
    });

    it('keeps them whatever order the same chunks arrive in', () => {
      const arrivals = sequences.chain((steps) =>
        fc.shuffledSubarray(steps, { minLength: steps.length, maxLength: steps.length }),
      );
      fc.assert(
        fc.property(arrivals, (steps) => {
          const own = rule(name);
          const watcher = watch(name, 0.4, 0.05);
          for (const [value, turn] of steps) watcher.see(own.decide([chunk(value, turn)])[0]!);
        }),
        { numRuns: 30 },
      );
    });

    it('needs no less than the bound allows: late settlement lets an adversary go that much further', () => {
      const reached = [0, 20].map((delay) => {
        const own = rule(name, { delay, pValue: 'percentile', grow: false });
        const watcher = watch(name, 0.4, 0.05, delay);
        // As steep as it goes: the best scores until the wall stands, then the worst until the other one does.
        for (let step = 0; step < 400; step++) watcher.see(own.decide([chunk(step < 150 ? BEST : WORST)])[0]!);
        return watcher;
      });
      expect(reached[1]!.lowest).below(reached[0]!.lowest - 0.5 * 20 * 0.6);
    });

    it('decides a group like its chunks one after the other', () => {
      const values = [3, 1, 2, WORST, 2.5, 9, 0];
      const chunks = values.map((value, sample) => chunk(value, sample % 3, sample));
      const single = rule(name);
      expect(rule(name).decide(chunks)).deep.equal(chunks.flatMap((one) => single.decide([one])));
    });

    it('learns a score after deciding on it, and leaves the given bank as it was', () => {
      const bank = new ScoreBank([1, 2, 3, 4]);
      const own = rule(name, { banks: { turns: [bank] } });
      expect(own.decide([chunk(10), chunk(10), chunk(10)]).map(({ p }) => p)).deep.equal([1 / 5, 2 / 6, 3 / 7]);
      expect(bank.size).equal(4);
      const still = rule(name, { banks: { turns: [bank] }, grow: false });
      expect(still.decide([chunk(10), chunk(10)]).map(({ p }) => p)).deep.equal([1 / 5, 1 / 5]);
    });

    it('starts without a bank: the first score has p = 1, the next are ranked against it', () => {
      for (const turns of [[], [new ScoreBank()]]) {
        for (const pValue of ['conformal', 'percentile'] as const) {
          const decisions = rule(name, { banks: { turns }, pValue }).decide([chunk(5), chunk(6), chunk(4)]);
          expect(decisions[0]!.p).equal(1);
          expect(decisions[0]!.alpha).closeTo(0.4, 1e-12);
          expect(decisions[1]!.p).equal(pValue === 'conformal' ? 1 / 2 : 0);
          expect(decisions[2]!.p).equal(1);
        }
      }
    });

    it('has no bound before the first decision, and is refused an impossible step or delay', () => {
      expect(rule(name).bound()).equal(null);
      for (const gamma of [0, -1, Number.NaN, WORST]) {
        expect(() => rule(name, { gamma }))
          .throw(AttsError, 'gamma')
          .with.property('code', 'config');
      }
      for (const delay of [-1, 0.5, Number.NaN]) {
        expect(() => rule(name, { delay }))
          .throw(AttsError, 'delay')
          .with.property('code', 'config');
      }
    });
  });
}
