import { expect } from 'chai';
import { ScoreBank } from '../../src/conformal/bank.js';
import { BEST, chunk, rule, WORST } from './rules.js';

describe('ACI', () => {
  it('moves its one rate by γ(α − rejected), whatever the turn', () => {
    const own = rule('aci');
    const rates = own.decide([chunk(BEST), chunk(WORST, 1), chunk(BEST, 2), chunk(BEST)]).map(({ alpha }) => alpha);
    [0.4, 0.42, 0.39, 0.41].forEach((rate, i) => {
      expect(rates[i]).closeTo(rate, 1e-12);
    });
  });
});

describe('ACI per turn', () => {
  it('moves the threshold of the same turn by 2γ(α − rejected) and of the others by γ(α − rejected)', () => {
    const own = rule('turn-aci');
    expect(own.decide([chunk(BEST, 0)])[0]).deep.equal({ p: 1, alpha: 0.4, rejected: false });
    expect(own.decide([chunk(WORST, 1)])[0]!.alpha).closeTo(0.4 + 0.02, 1e-12);
    expect(own.decide([chunk(BEST, 0)])[0]!.alpha).closeTo(0.4 + 0.02 + 0.02 - 0.03, 1e-12);
    expect(own.decide([chunk(BEST, 1)])[0]!.alpha).closeTo(0.4 - 0.03 + 0.02 - 0.03 + 0.02, 1e-12);
  });

  /**
   * The adversary of the docstring. It sees the state, drives the correction up through the turn whose rate is highest
   * and down through the one whose rate is lowest, and turns round at moments of its choice: this parts the turns' rates
   * ever further. Returns how far it drives the correction.
   */
  function attack(turns: number, reversals: number[], walls: boolean): number {
    const own = rule('turn-aci', { pValue: 'percentile', grow: false });
    const rates = new Array<number>(turns).fill(0);
    let correction = 0;
    let furthest = 0;
    let up = true;
    for (const steps of reversals) {
      for (let step = 0; step < steps; step++) {
        const movable = rates
          .map((rate, turn) => ({ rate, turn }))
          .filter(({ rate }) => (up ? 0.4 + rate + correction < 1 : 0.4 + rate + correction >= 0))
          .sort((a, b) => (up ? b.rate - a.rate : a.rate - b.rate))[0];
        if (movable === undefined) break;
        // p = 1 is accepted unless the threshold has reached 1, p = 0 rejected unless it has gone below 0.
        const rejected = walls ? own.decide([chunk(up ? BEST : WORST, movable.turn)])[0]!.rejected : !up;
        const move = 0.05 * (0.4 - (rejected ? 1 : 0));
        rates[movable.turn]! += move;
        correction += move;
        furthest = Math.max(furthest, Math.abs(correction));
      }
      up = !up;
    }
    return furthest;
  }

  it('needs its walls: the sum of the two rates alone lets an adversary that parts the turns through', () => {
    const when = Array.from({ length: 60 }, (_, index) => 40 + ((index * 37) % 90));
    expect(attack(15, when, false)).above(0.6 + 0.05);
    expect(attack(15, when, true)).at.most(0.6 + 0.05 + 1e-9);
  });
});

describe('DtACI', () => {
  it('does about as well as its best expert, before and after a shift, by pinball loss', () => {
    const length = 2000;
    // Even p-values in [0, 1], then in [0, ½]: the α-quantile falls from 0.4 to 0.2.
    const bank = new ScoreBank(Array.from({ length: 999 }, (_, i) => i / 999));
    const scores = Array.from({ length }, (_, t) => 1 - ((t * 0.618034) % 1) * (t < length / 2 ? 1 : 0.5));
    // A small γ keeps the walls out of it.
    const own = rule('dtaci', { gamma: 0.001, banks: { turns: [bank] }, grow: false });
    const decisions = scores.map((score) => own.decide([chunk(score)])[0]!);
    const loss = (p: number, rate: number) => 0.4 * (p - rate) - Math.min(0, p - rate);
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    const experts = [0.001, 0.008, 0.128].map((step) => {
      let rate = 0.4;
      return mean(
        decisions.map(({ p }) => {
          const cost = loss(p, rate);
          rate += step * (0.4 - (p <= rate ? 1 : 0));
          return cost;
        }),
      );
    });
    expect(Math.max(...experts) - Math.min(...experts)).above(0.004);
    expect(mean(decisions.map(({ p, alpha }) => loss(p, alpha)))).at.most(Math.min(...experts) + 0.002);
    expect(mean(decisions.slice(1500).map(({ alpha }) => alpha))).closeTo(0.2, 0.05);
  });
});

describe('conformal PID', () => {
  it('adds to ACI the integral of the errors, which bites at once and fades as log t / t', () => {
    const own = rule('pid');
    const rates = own.decide([chunk(BEST), chunk(BEST), chunk(BEST)]).map(({ alpha }) => alpha);
    expect(rates[0]).closeTo(0.4, 1e-12);
    expect(rates[1]).closeTo(0.4 + 0.02 + Math.tan((0.4 * Math.log(2)) / (0.5 * 2)), 1e-12);
    const aci = rule('aci');
    const late = Array.from({ length: 3000 }, (_, i) => chunk(i % 5 < 2 ? WORST : BEST));
    const [a, b] = [own, aci].map((each) => each.decide(late).at(-1)!.alpha);
    expect(Math.abs(a! - b!)).below(0.05);
  });
});
