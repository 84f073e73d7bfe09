import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import fc from 'fast-check';
import { randomStream } from '../../models/abacus/random.js';
import { extractAnswer } from '../../src/tasks/answers.js';
import { isCorrect } from '../../src/tasks/grading.js';

const linesOf = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../../test/tasks/data/${name}`, import.meta.url)), 'utf8')
    .split('\n')
    .slice(0, -1);

/** Answer forms of the MATH test set with what a model writes for them, and near misses. */
const pairs = linesOf('answer-pairs.tsv')
  .filter((line) => !line.startsWith('#'))
  .map((line) => line.split('\t'))
  .map(([answer, gold, same, reason]) => ({ answer, gold, same: same === 'yes', reason }));

/** Distinct gold answers of MATH-500. */
const golds = linesOf('math500-answers.txt');

describe('pairs of answers', () => {
  it('are at least 150 that say the same or do not, 60 of them near misses', () => {
    expect(pairs.length).to.be.at.least(150);
    expect(pairs.filter(({ same }) => !same).length).to.be.at.least(60);
    for (const { reason } of pairs) expect(reason).to.be.a('string').and.not.equal('');
  });

  for (const { answer, gold, same, reason } of pairs) {
    it(`${same ? 'are' : 'are not'} the same: ${answer} and ${gold} (${reason})`, () => {
      expect(isCorrect(answer, gold)).to.equal(same);
      expect(isCorrect(gold, answer)).to.equal(same);
    });
  }

  it('stay what they are under spaces, sized brackets and the size of fractions', () => {
    const styles: ((text: string) => string)[] = [
      (text) => `  ${text}\n`,
      (text) => `$${text}$`,
      (text) => `\\(${text}\\)`,
      (text) => text.replace(/\\frac(?![A-Za-z])/g, '\\dfrac'),
      (text) => text.replace(/\\dfrac(?![A-Za-z])/g, '\\tfrac'),
      (text) => (text.includes('\\left') ? text.replace(/\\(left|right) */g, '') : text),
      (text) =>
        /\\left|^\([A-J]\)/.test(text)
          ? text
          : text.replace(/(?<!\\)[([]/g, '\\left$&').replace(/(?<!\\)[)\]]/g, '\\right$&'),
      (text) => text.replace(/(?<=[\w}]) ?([+=]) ?(?=[\w\\])/g, ' $1 '),
    ];
    const style = fc.constantFrom(...styles);
    const changed = (text: string) => /\\sqrt\[|\{$|\\text|\\mbox|\\begin|\d,\d{3}/.test(text);
    fc.assert(
      fc.property(fc.constantFrom(...pairs), style, style, ({ answer, gold, same }, one, other) => {
        fc.pre(!changed(answer) && !changed(gold) && answer !== '');
        expect(isCorrect(one(answer), other(gold)), `${one(answer)} | ${other(gold)}`).to.equal(same);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('gold answers', () => {
  it('equal themselves, boxed in a sentence too', () => {
    for (const gold of golds) {
      expect(isCorrect(gold, gold), gold).to.equal(true);
      const boxed = extractAnswer(`Adding up, we find that the answer is $\\boxed{${gold}}$. Done.`);
      expect(boxed).to.equal(gold.trim());
    }
  });

  it('are equal to no other of their set but to those that say the same', () => {
    const equal = golds.flatMap((a, i) => golds.slice(i + 1).flatMap((b) => (isCorrect(a, b) ? [`${a} | ${b}`] : [])));
    expect(equal.sort()).to.deep.equal(
      [
        '-2,1 | 1,-2',
        '10,\\!080 | 10080',
        '120 | 120^\\circ',
        '15 | 15\\mbox{ cm}^2',
        '2 \\sqrt{5} | 2\\sqrt{5}',
        '30 | 30^\\circ',
        '36 | 36^\\circ',
        '36 | \\$36',
        '5 | x=5',
        '90 | 90^\\circ',
        '\\frac14 | \\frac{1}{4}',
      ].sort(),
    );
  }).timeout(60_000);

  it('compare alike in both orders', () => {
    const random = randomStream(1, 'pairs of golds');
    for (let i = 0; i < 3000; i++) {
      const [a, b] = [random.choice(golds), random.choice(golds)];
      expect(isCorrect(a, b), `${a} | ${b}`).to.equal(isCorrect(b, a));
    }
  });
});

describe('hostile answers', () => {
  const pieces = [
    ...[
      '{',
      '}',
      '(',
      ')',
      '\\{',
      '\\frac',
      '\\sqrt{',
      '\\left(',
      '\\text{',
      '\\begin{pmatrix}',
      '\\overline{',
      '\\binom{9}{',
    ],
    ...[
      '1,',
      '1 ',
      '.',
      '-',
      'x^',
      '9^{',
      '9^',
      'x+',
      '(x+1)',
      '\\cup',
      '±',
      '=',
      '!',
      '2!',
      'sin',
      ' or ',
      'cm ',
      'A) ',
    ],
    ...['\u{1f600}', '\u202e', '\u0663', '²', '√', '\\', '$', ' ', '\n', '\\,', '\u0000'],
  ];

  it('are unequal, and soon, at any length', () => {
    isCorrect('2k+2', '2+2k'); // what is loaded once is loaded
    for (const piece of pieces) {
      for (const length of [200, 390, 990, 1990, 100_000, 1_000_000]) {
        const text = piece.repeat(Math.ceil(length / piece.length));
        const started = performance.now();
        expect(isCorrect(text, '5'), `${piece} × ${length}`).to.equal(false);
        expect(isCorrect('5', text), `${piece} × ${length}`).to.equal(false);
        expect(performance.now() - started, `${piece} × ${length}`).to.be.below(1000);
      }
    }
  }).timeout(60_000);

  const large: [string, string][] = [
    ['9^{9^{9^9}}', '8^{9^{9^9}}'],
    ['9^{9^{9^9}}x', '8^{9^{9^9}}x'],
    ['((2^{64})^{64})^{64}', '1'],
    ['(((9!)!)!)!', '1'],
    ['99999999!', '1'],
    ['\\binom{99999999}{44444444}', '1'],
    ['((x+1)^{30})^{30}', '((x+2)^{30})^{30}'],
    ['(a+b+c+d+f+g)^{9}', '(a+b+c+d+f-g)^{9}'],
  ];
  for (const [a, b] of large) {
    it(`${a} is not worked out to be held against ${b}`, () => {
      const started = performance.now();
      expect(isCorrect(a, b)).to.equal(false);
      expect(performance.now() - started).to.be.below(1000);
    });
  }

  it('of many members that must be tried against each other take bounded time', () => {
    const list = (member: (i: number) => string) => Array.from({ length: 16 }, (_, i) => member(i)).join(',');
    const started = performance.now();
    expect(
      isCorrect(
        list((i) => `(x+y+${i})^{3}`),
        list((i) => `(${15 - i}+x+y)^{3}`),
      ),
    ).to.equal(true);
    expect(performance.now() - started).to.be.below(2000);
  });
});
