import {
  addDependencies,
  type Complex,
  create,
  divideDependencies,
  evaluateDependencies,
  iDependencies,
  multiplyDependencies,
  nthRootDependencies,
  piDependencies,
  powDependencies,
  sqrtDependencies,
  subtractDependencies,
  unaryMinusDependencies,
  unaryPlusDependencies,
} from 'mathjs';

/** A mathjs of arithmetic only: a text that a model wrote can call nothing else. */
const arithmetic = create({
  evaluateDependencies,
  addDependencies,
  subtractDependencies,
  multiplyDependencies,
  divideDependencies,
  powDependencies,
  sqrtDependencies,
  nthRootDependencies,
  unaryMinusDependencies,
  unaryPlusDependencies,
  piDependencies,
  iDependencies,
});

export interface Value {
  readonly re: number;
  readonly im: number;
}

/** Longer expressions are not answers, and would nest the parser deeply. */
const longest = 400;
const token = /\d+(?:\.\d*)?|\.\d+|pi|sqrt|nthRoot|i|[-+*/^(),]/y;

/**
 * The value of an expression of numbers, + − * / ^, brackets, pi, i, sqrt(x) and nthRoot(x,n), products without a sign
 * included (2pi, 3sqrt(5)); null for anything else and for values that are not finite. Never throws.
 */
export function evaluate(expression: string): Value | null {
  if (expression.length > longest || !/\d|pi|i/.test(expression)) return null;
  const tokens: string[] = [];
  for (token.lastIndex = 0; token.lastIndex < expression.length; ) {
    const found = token.exec(expression);
    if (found === null) return null;
    const previous = tokens[tokens.length - 1];
    // Signs of multiplication are put in here: mathjs binds a product without one more tightly than a division.
    if (previous !== undefined && endsOperand(previous) && startsOperand(found[0])) {
      // Two numbers side by side are no product: 1.2.3 and the like.
      if (/\d/.test(previous) && /\d/.test(found[0])) return null;
      tokens.push('*');
    }
    tokens.push(found[0]);
  }
  try {
    const value = arithmetic.evaluate(tokens.join(' ')) as number | Complex;
    const { re, im } = typeof value === 'number' ? { re: value, im: 0 } : value;
    return Number.isFinite(re) && Number.isFinite(im) ? { re, im } : null;
  } catch {
    return null; // not an expression: for a grader, an answer without a value
  }
}

const endsOperand = (t: string) => /^(\d|\.\d|pi$|i$|\))/.test(t);
const startsOperand = (t: string) => /^(\d|\.\d|pi$|i$|sqrt$|nthRoot$|\()/.test(t);

/** Relative to the larger of the two; integers that a double holds are exact. */
const tolerance = 1e-9;

export function sameValue(a: Value, b: Value): boolean {
  if ([a.re, a.im, b.re, b.im].every(Number.isSafeInteger)) return a.re === b.re && a.im === b.im;
  const size = Math.max(Math.hypot(a.re, a.im), Math.hypot(b.re, b.im));
  return Math.hypot(a.re - b.re, a.im - b.im) <= tolerance * size;
}
