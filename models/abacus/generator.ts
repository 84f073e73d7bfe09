import { fill, items, type Kind, languages, names, type Operator } from './phrases.js';
import { hashText, type RandomStream, randomStream } from './random.js';
import { apply, type Step, solve } from './solution.js';

export type Split = 'test' | 'calibration';

export interface AbacusProblem {
  readonly id: string;
  readonly problem: string;
  readonly answer: string;
  /** Number of steps. */
  readonly steps: number;
  readonly solution: string;
}

/** Odds of the operators that are possible at a value. */
export const operatorWeights: Readonly<Record<Operator, number>> = { '+': 5, '-': 5, '*': 2, '/': 1 };
const operators = Object.keys(operatorWeights) as Operator[];
const largest = 99;
const factors = [2, 3, 4, 5];

/**
 * Problems as the embedded checkpoints know them (see the model card): every value stays in 0 … 99, divisions are exact.
 * The i-th problem depends on seed, split and i only. A problem belongs to the one split that its text hashes to, so no
 * problem is ever in both, whatever their seeds; none occurs twice in one call.
 */
export function generateProblems(options: { seed: number; count: number; split?: Split }): AbacusProblem[] {
  const { seed, count, split = 'test' } = options;
  const random = randomStream(seed, `abacus problems, ${split}`);
  const seen = new Set<string>();
  const problems: AbacusProblem[] = [];
  while (problems.length < count) {
    const drawn = drawProblem(random);
    if (splitOf(drawn.problem) !== split || seen.has(drawn.problem)) continue;
    seen.add(drawn.problem);
    problems.push({ id: `${split}-${seed}-${problems.length}`, ...drawn });
  }
  return problems;
}

/** The split that a generated problem belongs to. */
function splitOf(problem: string): Split {
  return hashText(problem) % 2 === 0 ? 'test' : 'calibration';
}

function drawProblem(random: RandomStream): Omit<AbacusProblem, 'id'> {
  const kind: Kind = random.uniform() < 0.5 ? 'sequence' : 'story';
  const start = random.integer(3, largest);
  const count = random.integer(3, 16);
  const steps: Step[] = [];
  for (let value = start; steps.length < count; value = apply(value, steps[steps.length - 1])) {
    steps.push(drawStep(value, random));
  }
  const { answer, solution } = solve(start, steps);
  return { problem: tell(kind, start, steps, random), answer, steps: count, solution };
}

function drawStep(value: number, random: RandomStream): Step {
  // Each operator as often as its weight says, so that a choice among all alike follows the odds.
  const lots = operators.flatMap((operator) =>
    operandsOf(operator, value).length === 0 ? [] : Array<Operator>(operatorWeights[operator]).fill(operator),
  );
  const operator = random.choice(lots);
  return { operator, operand: random.choice(operandsOf(operator, value)) };
}

/** Operands that keep the value an integer in 0 … 99. Nothing is taken from 2, and 0 is neither grown nor shared. */
export function operandsOf(operator: Operator, value: number): number[] {
  switch (operator) {
    case '+':
      return range(2, Math.min(50, largest - value));
    case '-':
      return value < 3 ? [] : range(2, Math.min(50, value));
    case '*':
      return value === 0 ? [] : factors.filter((factor) => value * factor <= largest);
    case '/':
      return value === 0 ? [] : factors.filter((factor) => value % factor === 0);
  }
}

function range(low: number, high: number): number[] {
  return Array.from({ length: Math.max(0, high - low + 1) }, (_, i) => low + i);
}

function tell(kind: Kind, start: number, steps: readonly Step[], random: RandomStream): string {
  const { openings, clauses, questions } = languages[kind];
  const name = random.choice(names);
  const friend = random.choice(names.filter((other) => other !== name));
  const slots = { name, friend, item: random.choice(items) };
  const told = steps.map(({ operator, operand }) => {
    const fitting = clauses.filter((c) => c.operator === operator && (c.operand ?? operand) === operand);
    return fill(random.choice(fitting).template, { ...slots, n: operand });
  });
  return [fill(random.choice(openings), { ...slots, n: start }), ...told, fill(random.choice(questions), slots)].join(
    ' ',
  );
}
