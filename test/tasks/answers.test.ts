import { expect } from 'chai';
import fc from 'fast-check';
import { extractAnswer, holdsAnswer } from '../../src/tasks/answers.js';

/** LaTeX-like text whose braces balance, escaped ones included, without boxes of its own. */
const balanced = fc.letrec((tie) => ({
  text: fc
    .array(fc.oneof({ withCrossShrink: true }, tie('leaf'), tie('group')), { maxLength: 5 })
    .map((p) => p.join('')),
  leaf: fc.oneof(
    fc.string().map((s) => s.replace(/[{}\\]/g, '')),
    fc.constantFrom('\\{', '\\}', '\\\\', '\\frac', '\\boxer', ' '),
  ),
  group: fc.tuple(tie('text')).map(([s]) => `{${s}}`),
})).text as fc.Arbitrary<string>;

describe('extractAnswer', () => {
  it('gives back whatever text with balanced braces stands in the last box', () => {
    fc.assert(
      fc.property(balanced, balanced, balanced, (before, inside, after) => {
        fc.pre(inside.trim() !== '');
        for (const command of ['\\boxed', '\\fbox', '\\boxed ']) {
          const text = `${before} \\boxed{earlier} ${command}{${inside}} ${after}`;
          expect(extractAnswer(text)).to.equal(inside.trim());
          expect(holdsAnswer(text)).to.equal(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('never throws and answers on any text', () => {
    const pieces = fc.array(fc.constantFrom('\\boxed', '\\fbox', '{', '}', '\\', ' ', '5', '$', '.', '\n', 'a'));
    fc.assert(
      fc.property(pieces, (parts) => {
        const answer = extractAnswer(parts.join(''));
        if (answer === null) expect(holdsAnswer(parts.join(''))).to.equal(false);
        else expect(answer.trim()).to.equal(answer).and.not.equal('');
      }),
      { numRuns: 1000 },
    );
  });

  const cases: [string, string | null][] = [
    ['The answer is \\boxed{18}.', '18'],
    ['\\boxed{1} then \\boxed{2}', '2'],
    ['\\boxed{\\frac{1}{2}}', '\\frac{1}{2}'],
    ['\\boxed{\\{1, 2\\}}', '\\{1, 2\\}'],
    ['\\boxed{a \\boxed{b} c}', 'b'],
    ['\\boxed{3} and \\boxed{4', '3'],
    ['\\boxed{ open \\boxed{5}', '5'],
    ['{ \\boxed{5}', '5'],
    ['} \\boxed{5}', '5'],
    ['\\fbox{7}', '7'],
    ['$\\boxed 5$', '5'],
    ['so \\boxed 12. Done', '12'],
    ['put your final answer within \\boxed{}.', null],
    ['\\boxed{9}; within \\boxed{ }', '9'],
    ['\\boxedanswer{9}', null],
    ['\\\\boxed{9}', null],
    ['no box', null],
    ['The answer is 42.', '42'],
    ['First the answer is 4. Then the final answer is $5$. I hope it is correct.', '5'],
    ['**Final Answer:** 3.50', '3.50'],
    ['Answer: x = 3.5\nThat is all.', 'x = 3.5'],
    ['the answer is\n\n$\\frac{1}{2}$', '\\frac{1}{2}'],
    ['2 + 3 = <<2+3=5>>5\n#### 5', '5'],
    ['#### 5\n#### 1,234', '1,234'],
    ['The answer is \\boxed{18}. The answer is 19.', '18'],
    ['The answer is \\boxed{18', null],
    ['The answer is 5. So \\boxed{6', null],
    ['put it within \\boxed{}. The answer is 7.', '7'],
    ['The answer is', null],
    ['The answer is not 5.', 'not 5'],
    ['answers differ', null],
    ['', null],
  ];
  for (const [text, answer] of cases) {
    it(`reads ${JSON.stringify(answer)} from ${JSON.stringify(text)}`, () => {
      expect(extractAnswer(text)).to.equal(answer);
    });
  }

  it('takes time linear in the text, however many boxes are left open', () => {
    const text = '\\boxed{'.repeat(200_000) + '\\boxed '.repeat(100_000);
    const started = performance.now();
    expect(extractAnswer(text)).to.equal(null);
    expect(performance.now() - started).to.be.below(5000);
  });
});

describe('holdsAnswer', () => {
  it('waits until a box is closed and an answer without braces is delimited', () => {
    expect(holdsAnswer('\\boxed{1')).to.equal(false);
    expect(holdsAnswer('\\boxed{1}')).to.equal(true);
    expect(holdsAnswer('\\boxed 1')).to.equal(false);
    expect(holdsAnswer('\\boxed 12$')).to.equal(true);
  });
});
