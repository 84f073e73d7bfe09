import { ComputeEngine } from '@cortex-js/compute-engine';
import type { ConstantNode, Fraction, FunctionNode, MathNode, OperatorNode, ParenthesisNode, SymbolNode } from 'mathjs';
import { randomStream } from '../../models/abacus/random.js';
import { type Expression, evaluateAt, exactValue, rationalTree, type Value } from './expression.js';

/**
 * Are two expressions the same? Rational numbers are compared exactly, other numbers to a relative 1e-12. With variables
 * they must have the same ones, call the same functions, be of one form and agree at random points; polynomials with
 * rational coefficients must then be the same when multiplied out, exactly. The form keeps (x+1)(x+2) from x²+3x+2,
 * 1/x+1/y from (x+y)/(xy) and x+x from 2x: where an expression is to be factored, expanded, combined or simplified, the
 * other form is the question, not the answer.
 */
export function sameExpression(a: Expression, b: Expression, effort: Effort): boolean {
  if (String(a.variables) !== String(b.variables)) return false;
  if (a.variables.length === 0) return sameNumber(a, b);
  if (String(a.functions) !== String(b.functions) || formOf(a.tree) !== formOf(b.tree)) return false;
  return sameAtPoints(a, b) && (samePolynomial(a, b, effort) ?? true);
}

/** What the comparison of two answers, of all their members together, may still cost. */
export interface Effort {
  /** Terms of polynomials to be multiplied out; each takes about 0.15 ms. */
  terms: number;
}

/** Any root or multiple of pi that a fraction with a larger denominator is near to is approximated by it. */
const largestDenominator = 1e6;
/** A double does not tell larger whole numbers apart within the tolerance. */
const largestInteger = 1e11;

function sameNumber(a: Expression, b: Expression): boolean {
  const [exactA, exactB] = [exactValue(a), exactValue(b)];
  if (exactA !== null && exactB !== null) return exactA.equals(exactB);
  const exact = exactA ?? exactB;
  if (exact !== null && (Number(exact.d) > largestDenominator || Number(exact.n) > largestInteger)) return false;
  const [valueA, valueB] = [evaluateAt(a, {}), evaluateAt(b, {})];
  return valueA !== null && valueB !== null && near(valueA, valueB);
}

/** Relative to the larger of the two. */
const tolerance = 1e-12;

function near(a: Value, b: Value, within = tolerance): boolean {
  const size = Math.max(Math.hypot(a.re, a.im), Math.hypot(b.re, b.im));
  return Math.hypot(a.re - b.re, a.im - b.im) <= within * size;
}

const points = 10;

/**
 * The same value at random points of both signs, so that √x² is not x. A value that only one side has tells them apart;
 * three common ones are needed.
 */
function sameAtPoints(a: Expression, b: Expression): boolean {
  const random = randomStream(0, 'grading');
  let common = 0;
  for (let i = 0; i < points; i++) {
    const sign = () => (i === 0 ? 1 : i === 1 ? -1 : random.uniform() < 0.5 ? -1 : 1);
    const point = Object.fromEntries(a.variables.map((name) => [name, sign() * (0.3 + 2.4 * random.uniform())]));
    const [valueA, valueB] = [evaluateAt(a, point), evaluateAt(b, point)];
    if (valueA === null && valueB === null) continue;
    // Terms that nearly cancel lose digits, but never this many of them at every point.
    if (valueA === null || valueB === null || !near(valueA, valueB, 1e-10)) return false;
    common++;
  }
  return common >= 3;
}

/** MathJSON of a polynomial. */
type Json = number | string | { num: string } | [string, ...Json[]];

/** Beyond so many terms a product is not multiplied out. */
const mostTerms = 200;

let computeEngine: ComputeEngine | null = null;

/** Null where they are not polynomials with rational coefficients, or too large to multiply out. */
function samePolynomial(a: Expression, b: Expression, effort: Effort): boolean | null {
  const [termsA, termsB] = [termsOf(a.tree), termsOf(b.tree)];
  if (termsA > mostTerms || termsB > mostTerms || termsA + termsB > effort.terms) return null;
  effort.terms -= termsA + termsB;
  const [jsonA, jsonB] = [mathJson(rationalTree(a)), mathJson(rationalTree(b))];
  if (jsonA === null || jsonB === null) return null;
  computeEngine ??= new ComputeEngine();
  // In a scope of its own: what is inferred of x here says nothing of the next answer's x.
  computeEngine.pushScope();
  try {
    const expanded = (json: Json) => computeEngine!.box(['Expand', json]).evaluate();
    return expanded(jsonA).isSame(expanded(jsonB));
  } catch {
    return null;
  } finally {
    computeEngine.popScope();
  }
}

const isParenthesis = (node: MathNode): node is ParenthesisNode => node.type === 'ParenthesisNode';
const isOperator = (node: MathNode): node is OperatorNode => node.type === 'OperatorNode';
const isConstant = (node: MathNode): node is ConstantNode => node.type === 'ConstantNode';
const isSymbol = (node: MathNode): node is SymbolNode => node.type === 'SymbolNode';
const isCall = (node: MathNode): node is FunctionNode => node.type === 'FunctionNode';

const argumentsOf = (node: MathNode): MathNode[] =>
  isOperator(node) || isCall(node) ? (node.args as MathNode[]) : isParenthesis(node) ? [node.content] : [];
const unwrapped = (node: MathNode): MathNode => (isParenthesis(node) ? unwrapped(node.content) : node);
const isNegation = (node: MathNode): node is OperatorNode => isOperator(node) && node.args.length === 1;
const hasVariable = (node: MathNode): boolean =>
  isSymbol(node) ? !['pi', 'e', 'i'].includes(node.name) : argumentsOf(node).some(hasVariable);

/** A whole number written out, with its sign; null for any other expression. */
function integerOf(node: MathNode): number | null {
  const bare = unwrapped(node);
  if (isConstant(bare)) return Number.isInteger(Number(bare.value)) ? Number(bare.value) : null;
  if (!isNegation(bare) || bare.op !== '-') return null;
  const inner = integerOf(bare.args[0]);
  return inner === null ? null : -inner;
}

const operators: Readonly<Record<string, string>> = { '+': 'Add', '-': 'Subtract', '*': 'Multiply', '/': 'Divide' };

/** A polynomial for the compute engine; null for anything else. */
function mathJson(node: MathNode): Json | null {
  const bare = unwrapped(node);
  if (isConstant(bare)) return rationalJson(bare.value as unknown as Fraction);
  if (isSymbol(bare)) return hasVariable(bare) ? `v_${bare.name}` : null;
  if (!isOperator(bare)) return null;
  const [a, b] = bare.args as MathNode[];
  const left = mathJson(a);
  if (left === null) return null;
  if (b === undefined) return bare.op === '-' ? ['Negate', left] : bare.op === '+' ? left : null;
  const power = integerOf(b);
  if (bare.op === '^') return power !== null && power >= 0 && power <= 64 ? ['Power', left, power] : null;
  const right = mathJson(b);
  if (right === null || !(bare.op in operators) || (bare.op === '/' && hasVariable(b))) return null;
  return [operators[bare.op], left, right];
}

function rationalJson({ s, n, d }: Fraction): Json {
  const over: Json = { num: String(s * n) };
  return String(d) === '1' ? over : ['Rational', over, { num: String(d) }];
}

/** Terms of the expression multiplied out and not collected. */
function termsOf(node: MathNode): number {
  const bare = unwrapped(node);
  if (!isOperator(bare)) return isConstant(bare) && Number(bare.value) === 0 ? 0 : 1;
  const counts = argumentsOf(bare).map(termsOf);
  if (counts.length === 1) return counts[0];
  if (bare.op === '^') return counts[0] ** Math.abs(integerOf(bare.args[1]) ?? 1);
  return bare.op === '*' || bare.op === '/' ? counts[0] * counts[1] : counts[0] + counts[1];
}

/**
 * Terms, factors with variables above the line and the degree below it; no factors where none of them is a sum.
 */
function formOf(tree: MathNode): string {
  let [factors, below, hasSum] = [0, 0, false];
  const visit = (node: MathNode, power: number) => {
    const bare = unwrapped(node);
    if (!hasVariable(bare)) return;
    if (isNegation(bare)) visit(bare.args[0], power);
    else if (isOperator(bare) && (bare.op === '*' || bare.op === '/')) {
      visit(bare.args[0], power);
      visit(bare.args[1], bare.op === '*' ? power : -power);
    } else if (isOperator(bare) && bare.op === '^' && integerOf(bare.args[1]) !== null) {
      visit(bare.args[0], power * integerOf(bare.args[1])!);
    } else if (power < 0) below += -power * degreeOf(bare);
    else {
      factors += power;
      hasSum ||= isOperator(bare) && (bare.op === '+' || bare.op === '-');
    }
  };
  visit(tree, 1);
  return `${termsOf(tree)} ${hasSum && factors > 1 ? factors : 0}/${below}`;
}

/** Of a polynomial; a root, a function or another power of variables counts as one. */
function degreeOf(node: MathNode): number {
  const bare = unwrapped(node);
  if (!hasVariable(bare)) return 0;
  if (!isOperator(bare)) return 1;
  const degrees = (bare.args as MathNode[]).map(degreeOf);
  if (bare.op === '*') return degrees[0] + degrees[1];
  if (bare.op === '^') return degrees[0] * Math.max(1, integerOf(bare.args[1]) ?? 1);
  return Math.max(...degrees);
}
