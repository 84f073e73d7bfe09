import {
  addDependencies,
  type Complex,
  combinationsDependencies,
  cosDependencies,
  cotDependencies,
  create,
  cscDependencies,
  divideDependencies,
  eDependencies,
  expDependencies,
  type Fraction,
  factorialDependencies,
  fractionDependencies,
  iDependencies,
  logDependencies,
  type MathNode,
  multiplyDependencies,
  nthRootDependencies,
  type OperatorNode,
  parseDependencies,
  piDependencies,
  powDependencies,
  secDependencies,
  sinDependencies,
  sqrtDependencies,
  subtractDependencies,
  tanDependencies,
  unaryMinusDependencies,
  unaryPlusDependencies,
} from 'mathjs';

/** A mathjs of arithmetic and elementary functions: a text that a model wrote can call nothing else. */
const arithmetic = create({
  ...{ parseDependencies, addDependencies, subtractDependencies, multiplyDependencies, divideDependencies },
  ...{ powDependencies, sqrtDependencies, nthRootDependencies, unaryMinusDependencies, unaryPlusDependencies },
  ...{ piDependencies, eDependencies, iDependencies, factorialDependencies, combinationsDependencies },
  ...{ sinDependencies, cosDependencies, tanDependencies, cotDependencies, secDependencies, cscDependencies },
  ...{ expDependencies, logDependencies },
});

/** The same language with its numerals read as fractions, so that no digit is lost. */
const rational = create({ parseDependencies, fractionDependencies }, { number: 'Fraction' });

/** A number, complex in general. */
export interface Value {
  readonly re: number;
  readonly im: number;
}

/** An expression of numbers, variables, + − * / ^ !, brackets, pi, e, i, roots and elementary functions. */
export interface Expression {
  readonly tree: MathNode;
  /** Letters but pi, e and i, in alphabetical order. */
  readonly variables: readonly string[];
  /** Names of the functions called, but roots, in alphabetical order. */
  readonly functions: readonly string[];
  /** The same in mathjs's own notation, without products that only juxtaposition tells. */
  readonly source: string;
}

/** Longer expressions are not answers, and would nest the parser deeply. */
const longest = 400;
const constants = new Set(['pi', 'e', 'i']);
const functionNames = ['sqrt', 'nthRoot', 'combinations', 'sin', 'cos', 'tan', 'cot', 'sec', 'csc', 'exp', 'ln'];
const isFunction = (t: string) => functionNames.includes(t);
/** Words that letters side by side could be taken for, and logarithms without a base. */
const noProduct = /[A-Za-z]{4}|inf|log|mod|gcd|lcm|max|min|lim|and|or|not|arc|deg|rad/;
const named = new RegExp(`${functionNames.join('|')}|pi`, 'g');
const token = new RegExp(`${functionNames.join('|')}|pi|\\d+(?:\\.\\d*)?|\\.\\d+|[A-Za-zα-ωΓ-Ω]|[-+*/^(),!]`, 'y');

/**
 * Reads an expression in plain notation, products without a sign included (2pi, 3sqrt(5), xy); null for anything else,
 * also for what can be read in two ways: words, `1/2x`, `x2`, `1e5`. Never throws.
 */
export function parseExpression(text: string): Expression | null {
  if (text.length > longest || /\d[eE][-+]?\d/.test(text) || isWordy(text)) return null;
  const tokens = tokensOf(text);
  const signed = tokens && withSigns(tokens);
  if (signed === null) return null;
  try {
    const source = signed.join(' ');
    // mathjs counts them one by one.
    if (/combinations/.test(source.replace(/combinations \( \d{1,3} , \d{1,3} \)/g, ''))) return null;
    const tree = arithmetic.parse(source);
    const letters = signed.filter((t) => /^[A-Za-zα-ωΓ-Ω]$/.test(t) && !constants.has(t));
    const called = signed.filter((t) => (isFunction(t) && t !== 'sqrt' && t !== 'nthRoot') || t === 'log');
    return { tree, source, variables: [...new Set(letters)].sort(), functions: [...new Set(called)].sort() };
  } catch {
    return null; // not an expression: for a grader, an answer without a value
  }
}

/** Letters alone are a word, not a product; `cot x` is none. */
function isWordy(text: string): boolean {
  const letters = text.replace(named, ' ');
  if (/^[A-Za-z ]+$/.test(text) && /[A-Za-z]{2}/.test(letters)) return letters === text || /[A-Za-z]{3}/.test(letters);
  return noProduct.test(letters);
}

function tokensOf(text: string): string[] | null {
  const tokens: string[] = [];
  for (token.lastIndex = 0; token.lastIndex < text.length; ) {
    const found = token.exec(text);
    if (found === null) return null;
    tokens.push(found[0]);
  }
  return tokens;
}

const isNumeral = (t: string) => /^[.\d]/.test(t);
const isOperand = (t: string) => isNumeral(t) || /^([A-Za-zα-ωΓ-Ω]|pi)$/.test(t);
const endsOperand = (t: string) => isOperand(t) || t === ')' || t === '!';
const startsOperand = (t: string) => isOperand(t) || isFunction(t) || t === '(';

/** Puts in the signs of multiplication that a reader supplies, and the brackets of `sin x`; null where it is ambiguous. */
function withSigns(tokens: readonly string[]): string[] | null {
  const out: string[] = [];
  /** Whether the operand under way is a divisor: what follows it without a sign may or may not belong to it. */
  let divides = false;
  const open: boolean[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const t = tokens[i];
    const previous = tokens[i - 1];
    if (previous !== undefined && endsOperand(previous) && startsOperand(t)) {
      // Two numbers side by side are no product (1.2.3), nor is a number behind a letter (x2).
      if (isNumeral(t) || divides) return null;
      out.push('*');
    } else if (startsOperand(t)) divides = previous === '/' || (previous === '^' && divides);
    if (t === '(') open.push(divides);
    if (t === ')') {
      const before = open.pop();
      if (before === undefined) return null;
      divides = before;
    }
    if (isFunction(t) && tokens[i + 1] !== '(') {
      const call = bareCall(tokens, i);
      if (call === null) return null;
      out.push(...call.signed);
      i = call.end - 1;
    } else out.push(t === 'ln' ? 'log' : t);
  }
  return open.length > 0 ? null : out;
}

/** `sin x`, `sin 2x`, `sin^2 x`, `sin^2(x)`: the argument is what follows up to the next sign, bracket or function. */
function bareCall(tokens: readonly string[], at: number): { signed: string[]; end: number } | null {
  let next = at + 1;
  let power: string | null = null;
  if (tokens[next] === '^') {
    power = tokens[next + 1] ?? '';
    if (!/^\d+$/.test(power)) return null;
    next += 2;
  }
  let end = next;
  if (tokens[next] === '(') {
    for (let depth = 0; end < tokens.length; end++) {
      depth += tokens[end] === '(' ? 1 : tokens[end] === ')' ? -1 : 0;
      if (depth === 0) break;
    }
    end++;
  } else while (end < tokens.length && isOperand(tokens[end])) end++;
  // sin x^2 and sin x(y) can be read in two ways.
  if (end === next || end > tokens.length || ['^', '(', '!'].includes(tokens[end])) return null;
  const argument = withSigns(tokens.slice(next, end));
  if (argument === null || !['sin', 'cos', 'tan', 'cot', 'sec', 'csc', 'ln'].includes(tokens[at])) return null;
  const call = [tokens[at] === 'ln' ? 'log' : tokens[at], '(', ...argument, ')'];
  return { signed: power === null ? call : ['(', ...call, ')', '^', power], end };
}

/** The value at a point; null where it is not finite. */
export function evaluateAt({ tree }: Expression, point: Readonly<Record<string, number>>): Value | null {
  try {
    const value = tree.evaluate({ ...point }) as number | Complex;
    const { re, im } = typeof value === 'number' ? { re: value, im: 0 } : value;
    return Number.isFinite(re) && Number.isFinite(im) ? { re, im } : null;
  } catch {
    return null; // a factorial of a fraction, a root of order 0
  }
}

/** The exact value of an expression of rational numbers, + − * / ! and integer powers; null for any other. */
export function exactValue(expression: Expression): Fraction | null {
  if (expression.variables.length > 0) return null;
  try {
    return exact(rationalTree(expression));
  } catch {
    return null; // a division by zero
  }
}

/** The tree with its numerals as fractions. */
export function rationalTree({ source }: Expression): MathNode {
  return rational.parse(source);
}

/** Digits of a numerator or denominator that arithmetic goes on with: more than those of any finite double. */
const mostDigits = 1100;

function exact(node: MathNode): Fraction | null {
  if (rational.isParenthesisNode(node)) return exact(node.content);
  if (rational.isConstantNode(node)) return rational.fraction(node.value as unknown as Fraction);
  const isBinomial = rational.isFunctionNode(node) && node.fn.name === 'combinations';
  if (!rational.isOperatorNode(node) && !isBinomial) return null;
  const values = (node.args as MathNode[]).map(exact);
  if (values.some((value) => value === null || digitsOf(value) > mostDigits)) return null;
  const [a, b] = values as Fraction[];
  if (isBinomial) return binomial(Number(a), Number(b));
  switch ((node as OperatorNode).op) {
    case '+':
      return b === undefined ? a : a.add(b);
    case '-':
      return b === undefined ? a.neg() : a.sub(b);
    case '*':
      return a.mul(b);
    case '/':
      return a.div(b);
    case '!':
      return Number(a) <= 170 ? binomial(Number(a), null) : null;
    case '^':
      return String(b.d) === '1' && Math.abs(Number(b)) * digitsOf(a) <= mostDigits ? (a.pow(b) as Fraction) : null;
    default:
      return null;
  }
}

const digitsOf = ({ n, d }: Fraction) => Math.max(String(n).length, String(d).length);

/** n over k, or n! where k is null; null but for whole numbers. */
function binomial(n: number, k: number | null): Fraction | null {
  if (![n, k ?? 0].every((value) => Number.isInteger(value) && value >= 0)) return null;
  let value = rational.fraction(1);
  for (let i = 1; i <= (k ?? n); i++) value = k === null ? value.mul(i) : value.mul(n - k + i).div(i);
  return value;
}
