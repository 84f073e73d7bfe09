import { parseExpression } from './expression.js';
import { type Reading, readAnswer, splitLabel } from './reading.js';
import { type Effort, sameExpression } from './symbolic.js';

/**
 * Does an answer say the same as the gold answer? Equal after normalisation, or an expression of the same value (see
 * `sameExpression`), or a tuple, interval, matrix, union (in order) or set, bare list (in any order) of such parts. What
 * only one side names (a unit, `x =`, the text behind a choice's letter) is forgiven; what both name must agree. A
 * doubtful case is not equal. Never throws, within about 0.2 s for any text; no answer is never correct.
 */
export function isCorrect(answer: string | null, gold: string): boolean {
  if (answer === null) return false;
  const [a, b] = [readAnswer(answer), readAnswer(gold)];
  if (a.choice !== '' && b.choice !== '') {
    return a.choice === b.choice && (a.form === '' || b.form === '' || sameReading(a, b));
  }
  if (a.choice !== '' || b.choice !== '') {
    const [chosen, plain] = a.choice !== '' ? [a, b] : [b, a];
    return chosen.form !== '' && sameReading(chosen, plain);
  }
  return sameReading(a, b);
}

function sameReading(a: Reading, b: Reading): boolean {
  if (a.form === '' || b.form === '') return false;
  if (a.unit !== '' && b.unit !== '' && a.unit !== b.unit) return false;
  if (a.label !== '' && b.label !== '' && a.label !== b.label) return false;
  return equal(a.form, b.form, { terms: mostTerms });
}

/** One way to write what can be written in many. */
function canonical(text: string): string {
  let form = text.replace(/^\+/, '');
  while (isBracketed(form)) form = form.slice(1, -1);
  if (/^[A-Za-z]{3,}$/.test(form)) return form.toLowerCase();
  const decimal = /^(-?)(\d*)(?:\.(\d*))?$/.exec(form);
  if (decimal === null || !/\d/.test(form)) return form;
  const whole = decimal[2].replace(/^0+(?=\d)/, '') || '0';
  const fraction = (decimal[3] ?? '').replace(/0+$/, '');
  const digits = fraction === '' ? whole : `${whole}.${fraction}`;
  return digits === '0' ? '0' : decimal[1] + digits;
}

const isDecimal = (form: string) => /^-?\d+(\.\d+)?$/.test(form);

/** Round brackets that hold one whole expression, not a tuple. */
function isBracketed(form: string): boolean {
  return form.startsWith('(') && closesAtEnd(form) && parts(inside(form), ',').length === 1 && inside(form) !== '';
}

const inside = (form: string) => form.slice(1, -1);
const nesting = (c: string) => ('([⦃⟦'.includes(c) ? 1 : ')]⦄⟧'.includes(c) ? -1 : 0);

/** The bracket that opens the text is closed by its last character. */
function closesAtEnd(form: string): boolean {
  let depth = 0;
  for (let i = 0; i < form.length; i++) {
    depth += nesting(form[i]);
    if (depth <= 0) return i > 0 && i === form.length - 1;
  }
  return false;
}

/** The pieces between the separators that stand outside all brackets. */
function parts(form: string, separator: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < form.length; i++) {
    depth += nesting(form[i]);
    if (depth === 0 && form[i] === separator) {
      found.push(form.slice(from, i));
      from = i + 1;
    }
  }
  found.push(form.slice(from));
  return found;
}

/** Terms that are multiplied out, of all members; agreement at random points must do for the others. */
const mostTerms = 600;

/** More members than any answer has; past that only equal text is equal. */
const mostMembers = 16;
/** Tuples of sets of tuples go no deeper than this. */
const deepest = 6;

function equal(rawA: string, rawB: string, effort: Effort, depth = 0): boolean {
  if (rawA === rawB) return rawA !== '';
  if (rawA.length > longest || rawB.length > longest || depth > deepest) return false;
  const [a, b] = [canonical(rawA), canonical(rawB)];
  if (a === '' || b === '') return false;
  if (a === b) return true;
  // Decimals in normal form are equal only as text: no double holds 1234567890123456789.
  if (isDecimal(a) && isDecimal(b)) return false;
  const [unionA, unionB] = [parts(a, '∪'), parts(b, '∪')];
  if (unionA.length > 1 || unionB.length > 1) return inAnyOrder(unionA, unionB, effort, depth);
  const [listA, listB] = [members(a), members(b)];
  if (listA.length > 1 || listB.length > 1) return inAnyOrder(listA, listB, effort, depth);
  if (isSet(a) !== isSet(b)) return false;
  const [sidesA, sidesB] = [a.split('='), b.split('=')];
  if (sidesA.length === 2 && sidesB.length === 2) return sameEquation(sidesA, sidesB, effort, depth);
  const [valueA, valueB] = [parseExpression(a), parseExpression(b)];
  if (valueA !== null && valueB !== null) return sameExpression(valueA, valueB, effort);
  return structure(a) === structure(b) && structure(a) !== null && inOrder(entries(a), entries(b), effort, depth);
}

/** Longer forms are compared as text. */
const longest = 1000;

const isSet = (form: string) => form.startsWith('⦃') && closesAtEnd(form);

/**
 * Both sides moved to one are the same or of opposite sign. Not so where one equation is solved for a letter: 2x-5=x is
 * no answer for x=5. Those must be solved for the same one.
 */
function sameEquation(a: readonly string[], b: readonly string[], effort: Effort, depth: number): boolean {
  const [solvedA, solvedB] = [splitLabel(a.join('=')), splitLabel(b.join('='))];
  if (solvedA.label !== '' || solvedB.label !== '') {
    return solvedA.label === solvedB.label && equal(solvedA.form, solvedB.form, effort, depth + 1);
  }
  const difference = ([left, right]: readonly string[]) => parseExpression(`(${left})-(${right})`);
  const [one, other, opposite] = [difference(a), difference(b), difference([b[1], b[0]])];
  if (one === null || other === null || opposite === null || one.variables.length === 0) return false;
  return sameExpression(one, other, effort) || sameExpression(one, opposite, effort);
}

/** What a bare list or a set holds; `a ± b` is two members. A single expression is a list of itself. */
function members(form: string): string[] {
  const inner = isSet(form) ? inside(form) : form;
  const found = parts(inner, ',').flatMap((part) =>
    part.split('±').length === 2 ? [part.replace('±', '+'), part.replace('±', '-')] : [part],
  );
  return found.length > 1 ? found : [form];
}

/** The brackets and, of a matrix, the shape: (2,3] and [2,3] differ. */
function structure(form: string): string | null {
  if (!'([⟦⦃'.includes(form[0]) || !closesAtEnd(form)) return null;
  const rows = parts(inside(form), ';').map((row) => parts(row, '&').length);
  return form[0] + form[form.length - 1] + (form[0] === '⟦' ? rows.join(';') : '');
}

function entries(form: string): string[] {
  if (form[0] !== '⟦') return parts(inside(form), ',');
  return parts(inside(form), ';').flatMap((row) => parts(row, '&'));
}

function inOrder(a: readonly string[], b: readonly string[], effort: Effort, depth: number): boolean {
  return a.length === b.length && a.length <= mostMembers && a.every((part, i) => equal(part, b[i], effort, depth + 1));
}

function inAnyOrder(a: readonly string[], b: readonly string[], effort: Effort, depth: number): boolean {
  if (a.length !== b.length || a.length > mostMembers) return false;
  const left = [...b];
  return a.every((part) => {
    const at = left.findIndex((other) => equal(part, other, effort, depth + 1));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}
