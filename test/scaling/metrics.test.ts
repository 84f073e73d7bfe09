import { expect } from 'chai';
import { runConfigSchema } from '../../src/runs/index.js';
import { accuracyOf } from '../../src/scaling/metrics.js';
import { isCorrect } from '../../src/tasks/grading.js';
import { chain } from '../runs/fixtures.js';

const problems = ['a', 'b', 'c', 'd'].map((id) => ({ id, problem: id, answer: '7' }));
const chainsOf = (id: string, answers: readonly string[]) =>
  answers.map((answer, sample) => chain({ problem: id, sample, answer, correct: answer === '7' }));

describe('the accuracy of a run', () => {
  const config = runConfigSchema.parse({ samples: 4 });
  const chains = [
    ...chainsOf('a', ['7', '7', '7', '7']),
    ...chainsOf('b', ['8', '7', '9', '7']),
    ...chainsOf('c', ['7', '8', '8.0', '9']),
    ...chainsOf('d', ['1', '2', '3', '4']),
  ];
  const accuracy = accuracyOf(problems, chains, config, isCorrect);

  it('is mean@1, pass@k and maj@k of all problems alike', () => {
    expect(accuracy.mean).to.be.closeTo((1 + 0.5 + 0.25 + 0) / 4, 1e-12);
    expect(accuracy.passAt['2']).to.be.closeTo((1 + 5 / 6 + 1 / 2 + 0) / 4, 1e-12);
    expect(accuracy.passAt['4']).to.be.closeTo(3 / 4, 1e-12);
    expect(accuracy.majAt).to.deep.equal({ '1': 0.5, '2': 0.5, '4': 0.5 });
  });

  it('gives every figure the interval that resamples problems, mean@1 that of pass@1', () => {
    expect(Object.keys(accuracy.passAtCi95!)).to.deep.equal(['1', '2', '4']);
    expect(accuracy.passAtCi95!['1']).to.deep.equal(accuracy.ci95);
    for (const [values, intervals] of [
      [accuracy.passAt, accuracy.passAtCi95!],
      [accuracy.majAt, accuracy.majAtCi95!],
    ] as const) {
      for (const [k, [low, high]] of Object.entries(intervals)) {
        expect(low, k).to.be.below(values[k]);
        expect(high, k).to.be.above(values[k]);
      }
    }
    // Four problems, two of them right, all alike likely: the share of right ones is binomial, 0 with chance 1/16.
    expect(accuracy.majAtCi95!['4']).to.deep.equal([0, 1]);
  });

  it('has no interval where no problem has k chains', () => {
    const few = accuracyOf(problems, chainsOf('a', ['7', '8']), config, isCorrect);
    expect(Object.keys(few.passAtCi95!)).to.deep.equal(['1', '2']);
    expect(few.passAt['4']).to.equal(0);
    expect(accuracyOf(problems, [], config, isCorrect)).to.deep.include({ mean: 0, ci95: [0, 0], passAtCi95: {} });
  });
});
