import { expect } from 'chai';
import fc from 'fast-check';
import { majAt, meanAt1, passAt, type Vote } from '../../src/tasks/metrics.js';

function subsets(n: number, k: number): number[][] {
  if (k === 0) return [[]];
  return Array.from({ length: n }, (_, i) => i).flatMap((last) => subsets(last, k - 1).map((rest) => [...rest, last]));
}

describe('passAt', () => {
  it('is the share of all subsets of k chains that hold a right one', () => {
    const tally = fc
      .integer({ min: 1, max: 8 })
      .chain((total) => fc.record({ total: fc.constant(total), correct: fc.integer({ min: 0, max: total }) }));
    fc.assert(
      fc.property(tally, fc.integer({ min: 1, max: 8 }), ({ total, correct }, k) => {
        fc.pre(k <= total);
        const all = subsets(total, k);
        const share = all.filter((subset) => subset.some((chain) => chain < correct)).length / all.length;
        expect(passAt(k, [{ total, correct }])).to.be.closeTo(share, 1e-12);
      }),
    );
  });

  it('averages problems, at k = 1 as mean@1, and leaves out those with too few chains', () => {
    const tallies = [
      { correct: 1, total: 4 },
      { correct: 4, total: 4 },
      { correct: 0, total: 2 },
    ];
    expect(passAt(4, tallies)).to.equal(1);
    expect(passAt(1, tallies)).to.be.closeTo(1.25 / 3, 1e-12);
    expect(meanAt1(tallies)).to.equal(passAt(1, tallies));
    expect(passAt(5, tallies)).to.equal(null);
    expect(meanAt1([])).to.equal(null);
  });
});

describe('majAt', () => {
  const votes = (...answers: (string | null)[]): Vote[] =>
    answers.map((answer) => ({ answer, correct: answer === '5' || answer === '5.0' }));

  it('lets the most frequent answer among the first k speak', () => {
    expect(majAt(3, [votes('4', '5', '5', '4', '4')])).to.equal(1);
    expect(majAt(5, [votes('4', '5', '5', '4', '4')])).to.equal(0);
  });

  it('counts two ways of writing one answer as one', () => {
    expect(majAt(5, [votes('4', '5', '4', '5.0', '$5$')])).to.equal(1);
  });

  it('gives a tie to the answer first seen', () => {
    expect(majAt(2, [votes('5', '4')])).to.equal(1);
    expect(majAt(2, [votes('4', '5')])).to.equal(0);
  });

  it('gives no vote to chains without an answer', () => {
    expect(majAt(3, [votes(null, null, '5')])).to.equal(1);
    expect(majAt(2, [votes(null, null)])).to.equal(0);
  });

  it('averages the problems that have k chains', () => {
    expect(majAt(2, [votes('5', '5'), votes('4', '4'), votes('5')])).to.equal(0.5);
    expect(majAt(3, [votes('5')])).to.equal(null);
  });
});
