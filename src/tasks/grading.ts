import { plainNotation } from './notation.js';
import { evaluate, sameValue } from './numbers.js';

/**
 * Does an answer say the same as the gold answer? Equal after normalisation, or of equal value (relative 1e-9; integers
 * exactly), or a tuple, interval, matrix, union (in order) or set, bare list (in any order) of such parts. What only one
 * side names (a unit, `x =`) is forgiven; what both name must agree. Expressions with variables are compared as text,
 * since a grader that expands products would take a question for its answer. Never throws; no answer is never correct.
 */
export function isCorrect(answer: string | null, gold: string): boolean {
  if (answer === null) return false;
  const [a, b] = [readAnswer(answer), readAnswer(gold)];
  if (a.form === '' || b.form === '') return false;
  if (a.unit !== '' && b.unit !== '' && a.unit !== b.unit) return false;
  if (a.label !== '' && b.label !== '' && a.label !== b.label) return false;
  return equal(a.form, b.form);
}

/** The normal form that counts as one candidate in a majority vote. */
export function normalizeAnswer(answer: string): string {
  return readAnswer(answer).form;
}

interface Reading {
  readonly form: string;
  /** `x=` or `x∈` in front; empty where there is none. */
  readonly label: string;
  readonly unit: string;
}

/** Longer texts are not short answers; they are compared as they stand. */
const longest = 2000;

function readAnswer(raw: string): Reading {
  const trimmed = raw.trim();
  if (trimmed.length > longest) return { form: trimmed, label: '', unit: '' };
  let text: string;
  try {
    text = plainNotation(unicode(trimmed));
  } catch {
    text = trimmed; // nests too deeply to be an answer
  }
  text = text.trim().replace(/\.$/, '');
  // Spaces go, but not between digits: 1 2 is not 12. `2 1/2` is a mixed number.
  text = text.replace(/(?<![\d./^])(\d+) +(\d+)\/(\d+)(?![\d./^])/g, '($1+$2/$3)');
  const split = splitUnit(text.trim());
  text = split.text
    .replace(/(\d|[)\]⦄]) *(?:,? *\b(?:and|or)\b) *(?=[-+\d([⦃.])/g, '$1, ')
    // A comma that stands alone between digits in threes groups thousands; with a space it makes a list.
    .replace(
      /^([-+]?)(\d{1,3}(?:,\d{3})+)(?=$|\.\d+$)/,
      (_, sign: string, digits: string) => sign + digits.replaceAll(',', ''),
    )
    .replace(/(?<=\d)\s+(?=\d)/g, '\u0000')
    .replace(/\s+/g, '')
    .replaceAll('\u0000', ' ');
  const label = /^([A-Za-z](?:_\w+|\([a-z]\))?[=∈])([^=]+)$/.exec(text);
  return { form: canonical(label?.[2] ?? text), label: label?.[1].slice(0, -1) ?? '', unit: split.unit };
}

function unicode(text: string): string {
  return text
    .replace(/[−–]/g, '-')
    .replace(/[×·⋅]/g, '*')
    .replace(/÷/g, '/')
    .replace(/π/g, '\\pi ')
    .replace(/√/g, '\\sqrt ')
    .replace(/∞/g, '\\infty ')
    .replace(/\u00a0/g, ' ');
}

const unitWords =
  'degrees?|percent|dollars?|cents?|units?|cm|mm|km|inch(?:es)?|feet|foot|ft|met(?:er|re)s?|miles?|seconds?|minutes?|hours?|days?|weeks?|months?|years?';
const trailingUnit = new RegExp(`(?<=[\\d)°%]|pi) *((?:(?:square|cubic) +)?(?:${unitWords}))\\.?( *\\^[23])?$`, 'i');

/** A unit behind a value. Degree and percent signs are dropped as graders of these data sets do: 50% is 50. */
function splitUnit(text: string): { text: string; unit: string } {
  const found = trailingUnit.exec(text);
  const value = (found === null ? text : text.slice(0, found.index)).replace(/ *[%°]/g, '');
  const unit = found === null ? '' : found[1].toLowerCase().replace(/s$/, '') + (found[2] ?? '').trim();
  return { text: value, unit: unit === 'degree' || unit === 'percent' ? '' : unit };
}

/** One way to write what can be written in many. */
function canonical(text: string): string {
  const choice = /^\(([A-Z])\)$/.exec(text);
  if (choice !== null) return choice[1];
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

/** More members than any answer has; past that only equal text is equal. */
const mostMembers = 40;

function equal(rawA: string, rawB: string): boolean {
  if (rawA === rawB) return rawA !== '';
  const [a, b] = [canonical(rawA), canonical(rawB)];
  if (a === '' || b === '') return false;
  if (a === b) return true;
  // Decimals in normal form are equal only as text: no double holds 1234567890123456789.
  if (isDecimal(a) && isDecimal(b)) return false;
  const [unionA, unionB] = [parts(a, '∪'), parts(b, '∪')];
  if (unionA.length > 1 || unionB.length > 1) return inOrder(unionA, unionB);
  const [listA, listB] = [members(a), members(b)];
  if (listA.length > 1 || listB.length > 1) return inAnyOrder(listA, listB);
  const [valueA, valueB] = [evaluate(a), evaluate(b)];
  if (valueA !== null && valueB !== null) return sameValue(valueA, valueB);
  return structure(a) === structure(b) && structure(a) !== null && inOrder(entries(a), entries(b));
}

/** What a bare list or a set holds; `a ± b` is two members. A single expression is a list of itself. */
function members(form: string): string[] {
  const inner = form.startsWith('⦃') && closesAtEnd(form) ? inside(form) : form;
  const found = parts(inner, ',').flatMap((part) =>
    part.split('±').length === 2 ? [part.replace('±', '+'), part.replace('±', '-')] : [part],
  );
  return found.length > 1 ? found : [form];
}

/** The brackets and, of a matrix, the shape: (2,3] and [2,3] differ. */
function structure(form: string): string | null {
  if (!'([⟦'.includes(form[0]) || !closesAtEnd(form)) return null;
  const rows = parts(inside(form), ';').map((row) => parts(row, '&').length);
  return form[0] + form[form.length - 1] + (form[0] === '⟦' ? rows.join(';') : '');
}

function entries(form: string): string[] {
  if (form[0] !== '⟦') return parts(inside(form), ',');
  return parts(inside(form), ';').flatMap((row) => parts(row, '&'));
}

function inOrder(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.length <= mostMembers && a.every((part, i) => equal(part, b[i]));
}

function inAnyOrder(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length || a.length > mostMembers) return false;
  const left = [...b];
  return a.every((part) => {
    const at = left.findIndex((other) => equal(part, other));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}
