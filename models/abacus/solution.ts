import type { Operator } from './phrases.js';

export interface Step {
  readonly operator: Operator;
  readonly operand: number;
}

export function apply(value: number, { operator, operand }: Step): number {
  switch (operator) {
    case '+':
      return value + operand;
    case '-':
      return value - operand;
    case '*':
      return value * operand;
    case '/':
      return value / operand;
  }
}

export interface Solution {
  readonly answer: string;
  /** `Step i: a op b = c.` a paragraph each, then the boxed answer: the text the checkpoints learned to write. */
  readonly solution: string;
  /** Every value on the way, the start first. */
  readonly values: readonly number[];
}

/** Works a problem out, step by step. */
export function solve(start: number, steps: readonly Step[]): Solution {
  const values = [start];
  const lines = steps.map((step, i) => {
    values.push(apply(values[i], step));
    return `Step ${i + 1}: ${values[i]} ${step.operator} ${step.operand} = ${values[i + 1]}.`;
  });
  const answer = String(values[steps.length]);
  return { answer, solution: [...lines, `The answer is \\boxed{${answer}}.`].join('\n\n'), values };
}
