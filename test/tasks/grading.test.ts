import { expect } from 'chai';
import fc from 'fast-check';
import { isCorrect } from '../../src/tasks/grading.js';
import { readAnswer } from '../../src/tasks/reading.js';

const same: [string, string][] = [
  ['12', '12'],
  [' 12 ', '12'],
  ['$12$', '12'],
  ['\\(12\\)', '12'],
  ['12.', '12'],
  ['+12', '12'],
  ['12.0', '12'],
  ['025', '25'],
  ['.5', '0.5'],
  ['0.50', '0.5'],
  ['-0', '0'],
  ['1,234', '1234'],
  ['10,\\!080', '10080'],
  ['11,\\! 111,\\! 111,\\! 100', '11111111100'],
  ['\\$32,\\!348', '32348'],
  ['10\\,000', '10000'],
  ['\\$18.90', '18.9'],
  ['50\\%', '50'],
  ['50%', '50'],
  ['90^\\circ', '90'],
  ['90^{\\circ}', '90'],
  ['90°', '90^\\circ'],
  ['90\\text{ degrees}', '90^\\circ'],
  ['\\frac{270}7\\text{ degrees}', '270/7'],
  ['\\frac{1}{2}', '1/2'],
  ['\\dfrac{1}{2}', '\\frac12'],
  ['\\frac 59', '5/9'],
  ['\\tfrac{1}{2}', '0.5'],
  ['\\frac{2}{4}', '0.5'],
  ['-\\frac{1}{2}', '\\frac{-1}{2}'],
  ['\\frac{14}{3}', '14/3'],
  ['1\\frac{4}{5}', '1.8'],
  ['137 \\frac{1}{2}', '137.5'],
  ['-1\\frac{4}{5}', '-9/5'],
  ['2 1/2', '2.5'],
  ['\\sqrt{4}', '2'],
  ['\\sqrt2', '\\sqrt{2}'],
  ['\\sqrt(2)', 'sqrt(2)'],
  ['3\\sqrt{13}', '3 \\cdot \\sqrt{13}'],
  ['\\sqrt{8}', '2\\sqrt{2}'],
  ['\\frac{\\sqrt{3}}{3}', '\\frac{1}{\\sqrt{3}}'],
  ['\\sqrt[3]{8}', '2'],
  ['\\frac{\\pi}{2}', 'π/2'],
  ['7\\pi', '7 \\pi'],
  ['18+2\\pi', '2\\pi+18'],
  ['2^{10}', '1024'],
  ['2^{-1}', '0.5'],
  ['2^-1', '1/2'],
  ['6.72 \\times 10^{-5}', '.0000672'],
  ['6-5i', '-5i + 6'],
  ['−5', '-5'],
  ['\\text{Evelyn}', 'Evelyn'],
  ['\\text{east}', 'East'],
  ['\\text{(C)}', 'C'],
  ['(C)', '\\text{C}'],
  ['\\left( 3, \\frac{\\pi}{2} \\right)', '(3, \\pi/2)'],
  ['(3,4]', '\\left(3, 4\\right]'],
  ['(-\\infty, 2) \\cup (3, \\infty)', '(-\\infty,2)\\cup(3,+\\infty)'],
  ['1,-2', '-2, 1'],
  ['3, 5, 7', '3,5,7'],
  ['3 \\text{ and } 5', '3,5'],
  ['\\{1, 2\\}', '\\{2,1\\}'],
  ['1 \\pm \\sqrt{19}', '1+\\sqrt{19}, 1-\\sqrt{19}'],
  ['\\{1\\pm\\sqrt{5},-2\\}', '-2, 1-\\sqrt5, 1+\\sqrt5'],
  ['x=5', '5'],
  ['5', 'x = 5'],
  ['y = 2x + 3', '2x+3'],
  ['x \\in [-2,7]', '[-2,7]'],
  ['5.4 \\text{ cents}', '5.4'],
  ['5 cm', '5'],
  ['864 \\mbox{ inches}^2', '864'],
  ['15\\mbox{ cm}^2', '15 cm^2'],
  ['52_8', '52_{8}'],
  ['p - q', 'p-q'],
  ['x^{2}', 'x^2'],
  ['\\frac{e}{2}', '\\dfrac e2'],
  ['\\begin{pmatrix} -1/3 \\\\ 2/3 \\end{pmatrix}', '\\begin{pmatrix}-\\frac13\\\\ \\frac{2}{3}\\end{pmatrix}'],
  ['\\displaystyle\\frac{1}{3}', '1/3'],
];

const different: [string, string][] = [
  ['12', '1'],
  ['1', '12'],
  ['12', '21'],
  ['-5', '5'],
  ['', ''],
  ['', '0'],
  [' ', ' '],
  ['$$', '$$'],
  ['1 2', '12'],
  ['2 1/2', '21/2'],
  ['2 1/2', '1'],
  ['1\\frac{4}{5}', '14/5'],
  ['1\\frac{4}{5}', '4/5'],
  ['1.2.3', '1.23'],
  ['1.5', '15'],
  ['0.3333', '1/3'],
  ['3.14', '\\pi'],
  ['11111111100', '11111111101'],
  ['1234567890123456789', '1234567890123456788'],
  ['1/3', '1/2'],
  ['1/2', '2/1'],
  ['12,34', '1234'],
  ['(1,234)', '1234'],
  ['1, 234', '1234'],
  ['52_8', '52'],
  ['52_8', '528'],
  ['2^{10}', '210'],
  ['2^{10}', '20'],
  ['x^2', 'x2'],
  ['\\sqrt{2}', '2'],
  ['\\sqrt[3]{8}', '\\sqrt{8}'],
  ['(3,4]', '(3,4)'],
  ['(3,4)', '[3,4]'],
  ['(3,4)', '(4,3)'],
  ['(3,4)', '3'],
  ['1,2', '1'],
  ['1,1,2', '1,2,2'],
  ['1,2,3', '1,2'],
  ['(1,2) \\cup (3,4)', '(1,2)'],
  ['x=5', 'y=5'],
  ['x=1,y=2', '2,1'],
  ['5 cm', '5 km'],
  ['5 \\text{ cm}', '5 \\text{ cm}^2'],
  ['5x', '5'],
  ['5i', '5'],
  ['2i', '-2i'],
  ['2\\pi', '2'],
  ['A', 'B'],
  ['(C)', '(D)'],
  ['a', 'A'],
  ['Evelyn', 'Evelyne'],
  ['3 \\text{ and } 5', '35'],
  ['ab+2a+5b+10', '(a+5)(b+2)'],
  ['1 \\pm \\sqrt{19}', '1+\\sqrt{19}'],
  ['\\infty', '-\\infty'],
  ['1/0', '2/0'],
  ['9^9^9^9', '8^9^9^9'],
  ['import({})', '1'],
  ['\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}', '\\begin{pmatrix} 1 & 2 \\end{pmatrix}'],
  ['\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}', '\\begin{pmatrix} 1 \\\\ 3 \\end{pmatrix}'],
  ['\\frac{1}{2}x', '\\frac{1}{2}'],
  ['undefined', '0'],
  ['NaN', 'NaN2'],
];

describe('isCorrect', () => {
  for (const [answer, gold] of same) {
    it(`takes ${answer} for ${gold}`, () => {
      expect(isCorrect(answer, gold)).to.equal(true);
      expect(isCorrect(gold, answer)).to.equal(true);
    });
  }
  for (const [answer, gold] of different) {
    it(`does not take ${JSON.stringify(answer)} for ${JSON.stringify(gold)}`, () => {
      expect(isCorrect(answer, gold)).to.equal(false);
      expect(isCorrect(gold, answer)).to.equal(false);
    });
  }

  it('is never right without an answer', () => {
    expect(isCorrect(null, '5')).to.equal(false);
    expect(isCorrect(null, '')).to.equal(false);
  });

  it('tells integers apart exactly, however they are written', () => {
    const writings = [
      (n: number) => String(n),
      (n: number) => n.toLocaleString('en-US'),
      (n: number) => `\\text{${n}}`,
      (n: number) => `\\frac{${2 * n}}{2}`,
      (n: number) => `${n}.00`,
    ];
    const integer = fc.integer({ min: -1e12, max: 1e12 });
    const writing = fc.constantFrom(...writings);
    fc.assert(
      fc.property(integer, fc.oneof(integer, fc.constantFrom(-1, 0, 1)), writing, writing, (n, d, write, other) => {
        expect(isCorrect(write(n), other(n))).to.equal(true);
        if (d !== 0) expect(isCorrect(write(n), other(n + d))).to.equal(false);
      }),
    );
  });

  it('agrees with exact arithmetic on fractions', () => {
    const part = fc.integer({ min: 1, max: 60 });
    fc.assert(
      fc.property(part, part, part, part, (a, b, c, d) => {
        expect(isCorrect(`\\frac{${a}}{${b}}`, `${c}/${d}`)).to.equal(a * d === b * c);
      }),
    );
  });

  it('never throws, and takes any text with something in it for itself', () => {
    const pieces = fc.array(
      fc.oneof(
        fc.constantFrom(
          '\\frac',
          '\\sqrt',
          '{',
          '}',
          '(',
          ')',
          '[',
          ',',
          '^',
          '_',
          '\\',
          '\\text',
          '\\begin',
          '±',
          ' ',
        ),
        fc.constantFrom('1', '2', '.', '-', 'i', 'pi', '\\pi', 'x', '=', '%', '$', '∪', '\\pm', '\\\\', '&', 'or'),
        fc.string(),
      ),
      { maxLength: 14 },
    );
    fc.assert(
      fc.property(pieces, pieces, (a, b) => {
        isCorrect(a.join(''), b.join(''));
        const text = a.join('');
        const { form, choice } = readAnswer(text);
        expect(isCorrect(text, text), text).to.equal(form !== '' || choice !== '');
      }),
      { numRuns: 2000 },
    );
    expect(isCorrect('{'.repeat(100_000), '1')).to.equal(false);
    expect(isCorrect('('.repeat(900) + ')'.repeat(900), '1')).to.equal(false);
    expect(isCorrect(`${'\\frac'.repeat(300)}12`, '1')).to.equal(false);
  });

  it('takes bounded time over many polynomials that are to be multiplied out', () => {
    isCorrect('x + 1', '1 + x');
    const many = (member: (i: number) => string) =>
      `\\{${Array.from({ length: 16 }, (_, i) => member(i)).join(',')}\\}`;
    const [a, b] = [many((i) => `(x+y+z)^4+${i}`), many((i) => `${15 - i}+(z+y+x)^4`)];
    const before = process.cpuUsage();
    expect(isCorrect(a, b)).to.equal(true);
    const { user, system } = process.cpuUsage(before);
    // Of the processor, not of the clock: about 100 ms, where all of them would take 400.
    expect((user + system) / 1000).to.be.below(300);
  });
});
