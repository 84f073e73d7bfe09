import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { type AbacusProblem, generateProblems, operandsOf, operatorWeights } from '../../models/abacus/generator.js';
import { abacusFolder } from '../../models/abacus/paths.js';
import { items, languages, names, type Operator } from '../../models/abacus/phrases.js';
import { solve } from '../../models/abacus/solution.js';
import { AttsError } from '../../src/errors.js';
import { parseProblem } from './abacus-parser.js';

const fileProblems = ['test', 'calibration'].flatMap((split) =>
  readFileSync(join(abacusFolder, 'problems', `${split}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AbacusProblem),
);

/** A problem with its numbers, names and things taken out. */
function phrases({ problem }: AbacusProblem): string[] {
  const words = new RegExp(`\\b(${names.join('|')}|${items.join('|')})\\b`, 'g');
  return problem.split(/(?<=[.?]) /).map((sentence) => sentence.replace(words, '_').replace(/\d+/g, '#'));
}

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });

describe('the embedded problems', () => {
  it('all parse, and the solution worked out is the one on file', () => {
    expect(fileProblems.length).to.equal(800);
    for (const { problem, answer, steps, solution } of fileProblems) {
      const parsed = parseProblem(problem);
      const solved = solve(parsed.start, parsed.steps);
      expect(parsed.steps.length).to.equal(steps);
      expect(solved.answer).to.equal(answer);
      expect(solved.solution).to.equal(solution);
    }
  });

  it('use only steps that the generator could take', () => {
    for (const { problem } of fileProblems) {
      const { start, steps } = parseProblem(problem);
      const { values } = solve(start, steps);
      for (const [i, step] of steps.entries()) expect(operandsOf(step.operator, values[i])).to.include(step.operand);
    }
  });
});

describe('generateProblems', () => {
  it('makes problems that parse, with values 0 … 99, 3 … 16 steps, and their own right solution', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom('test' as const, 'calibration' as const), (seed, split) => {
        for (const problem of generateProblems({ seed, count: 8, split })) {
          const { start, steps } = parseProblem(problem.problem);
          const { values, answer, solution } = solve(start, steps);
          expect(start).to.be.within(3, 99);
          expect(steps.length).to.be.within(3, 16).and.equal(problem.steps);
          for (const value of values) expect(Number.isInteger(value) && value >= 0 && value <= 99).to.equal(true);
          for (const { operator, operand } of steps) expect(operand).to.be.within(2, '+-'.includes(operator) ? 50 : 5);
          expect({ answer, solution }).to.deep.equal({ answer: problem.answer, solution: problem.solution });
        }
      }),
    );
  });

  it('speaks exactly the phrases of the embedded problems', () => {
    const spoken = (problems: AbacusProblem[]) => [...new Set(problems.flatMap(phrases))].sort();
    expect(spoken(generateProblems({ seed: 0, count: 800 }))).to.deep.equal(spoken(fileProblems));
    const words = (problems: AbacusProblem[], from: readonly string[]) =>
      from.filter((word) => problems.some(({ problem }) => new RegExp(`\\b${word}\\b`).test(problem)));
    expect(words(fileProblems, [...names, ...items])).to.deep.equal([...names, ...items]);
  });

  it('draws operators by their weights among those that are possible', () => {
    const operators = Object.keys(operatorWeights) as Operator[];
    const seen: Record<string, number> = { '+': 0, '-': 0, '*': 0, '/': 0 };
    const expected: Record<string, number> = { '+': 0, '-': 0, '*': 0, '/': 0 };
    let told = 0;
    const problems = generateProblems({ seed: 5, count: 2000 });
    for (const { problem } of problems) {
      const { kind, start, steps } = parseProblem(problem);
      const { values } = solve(start, steps);
      if (kind === 'story') told++;
      for (const [i, { operator }] of steps.entries()) {
        const possible = operators.filter((o) => operandsOf(o, values[i]).length > 0);
        const total = possible.reduce((sum, o) => sum + operatorWeights[o], 0);
        for (const o of possible) expected[o] += operatorWeights[o] / total;
        seen[operator]++;
      }
    }
    // Five standard deviations of a count of about n p(1 − p).
    for (const o of operators) expect(Math.abs(seen[o] - expected[o])).to.be.below(5 * Math.sqrt(expected[o]));
    expect(Math.abs(told - 1000)).to.be.below(5 * Math.sqrt(500));
  });

  it('is a function of seed and split, and a longer list begins with the shorter one', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const ten = generateProblems({ seed, count: 10 });
        expect(generateProblems({ seed, count: 10 })).to.deep.equal(ten);
        expect(generateProblems({ seed, count: 4 })).to.deep.equal(ten.slice(0, 4));
        expect(generateProblems({ seed: (seed + 1) % 2 ** 32, count: 10 })).to.not.deep.equal(ten);
      }),
      { numRuns: 30 },
    );
  });

  it('never puts a problem into both splits, whatever the seeds', () => {
    const texts = (split: 'test' | 'calibration', seed: number) =>
      generateProblems({ seed, count: 300, split }).map(({ problem }) => problem);
    const test = new Set([0, 1, 2].flatMap((seed) => texts('test', seed)));
    for (const seed of [0, 1, 2]) for (const text of texts('calibration', seed)) expect(test.has(text)).to.equal(false);
  });
});

describe('parseProblem', () => {
  it('refuses what is no abacus problem, naming the sentence', () => {
    const wrong = [
      ['What is 2 + 2?', 'What is 2 + 2?'],
      ['Start with 3. Square it. What is the result?', 'Square it.'],
      ['Start with 3. Add 4.', 'Add 4.'],
      ['Ann has 3 pens. Ben buys 2 more. How many pens does Ann have now?', 'Ben buys 2 more.'],
      ['Ann has 3 pens. Ann buys 2 more. How many coins does Ann have now?', 'How many coins'],
      ['', '""'],
    ];
    for (const [text, sentence] of wrong) expect(() => parseProblem(text)).to.throw(AttsError, sentence);
  });

  it('knows no phrase that has two readings', () => {
    const clauses = Object.values(languages).flatMap(({ clauses }) => clauses.map(({ template }) => template));
    expect(new Set(clauses).size).to.equal(clauses.length);
  });
});
