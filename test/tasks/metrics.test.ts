import { expect } from 'chai';
import fc from 'fast-check';
import { isCorrect } from '../../src/tasks/grading.js';
import { ballotOf, majAt, passAt, type Vote } from '../../src/tasks/metrics.js';

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
        expect(passAt(k, { total, correct })).to.be.closeTo(share, 1e-12);
      }),
    );
  });

  it('is at k = 1 the share of right chains, and nothing where there are fewer than k', () => {
    expect(passAt(1, { correct: 1, total: 4 })).to.be.closeTo(0.25, 1e-12);
    expect(passAt(4, { correct: 1, total: 4 })).to.equal(1);
    expect(passAt(5, { correct: 4, total: 4 })).to.equal(null);
  });
});

describe('majAt', () => {
  const votes = (...answers: (string | null)[]): Vote[] =>
    answers.map((answer) => ({ answer, correct: answer === '5' || answer === '5.0' }));

  const maj = (k: number, given: readonly Vote[]) => majAt(k, ballotOf(given, isCorrect));

  it('lets the most frequent answer among the first k speak', () => {
    expect(maj(3, votes('4', '5', '5', '4', '4'))).to.equal(1);
    expect(maj(5, votes('4', '5', '5', '4', '4'))).to.equal(0);
  });

  it('counts two ways of writing one answer as one', () => {
    expect(maj(5, votes('4', '5', '4', '5.0', '$5$'))).to.equal(1);
  });

  it('gives a tie to the answer first seen', () => {
    expect(maj(2, votes('5', '4'))).to.equal(1);
    expect(maj(2, votes('4', '5'))).to.equal(0);
  });

  it('gives no vote to chains without an answer', () => {
    expect(maj(3, votes(null, null, '5'))).to.equal(1);
    expect(maj(2, votes(null, null))).to.equal(0);
  });

  it('groups in one candidate what says the same, an earlier one before a later one', () => {
    expect(ballotOf(votes('0.5', '2', '1/2', null, '\\frac{2}{4}', '2.0'), isCorrect).candidates).to.deep.equal([
      0,
      1,
      0,
      null,
      0,
      1,
    ]);
    expect(ballotOf(votes('5 cm', '5 km', '5'), isCorrect).candidates).to.deep.equal([0, 1, 0]);
  });

  it('says nothing of a problem with fewer than k chains', () => {
    expect(maj(3, votes('5'))).to.equal(null);
  });
});
