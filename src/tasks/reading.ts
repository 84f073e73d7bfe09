import { plainNotation } from './notation.js';
import { splitUnit } from './units.js';

/** A short answer taken apart. */
export interface Reading {
  /** The value in plain notation, spaces removed; empty where there is none. */
  readonly form: string;
  /** The x of `x=5`, `x∈[1,2]` or `x>3`; empty where there is none. */
  readonly label: string;
  /** The unit behind the value; empty where there is none. */
  readonly unit: string;
  /** The letter of `(B)`, `B.` or `B) 12`; empty where there is none. */
  readonly choice: string;
}

/** Longer texts are not short answers; they are compared as they stand. */
const longest = 2000;

export function readAnswer(raw: string): Reading {
  const bare = { label: '', unit: '', choice: '' };
  // A text far too long is not even trimmed with a pattern.
  const trimmed = raw.trim();
  if (trimmed.length > longest) return { ...bare, form: trimmed };
  let text: string;
  try {
    text = plainNotation(unicode(trimmed)).trim();
  } catch {
    return { ...bare, form: trimmed }; // nests too deeply to be an answer
  }
  const choice = /^(?:\(([A-J])\)[.:]?(?=\s|$)|([A-J])(?:[).:]|$)(?=\s|$))(?!\s*[-+*/^=<>]\s)\s*(.*)$/.exec(text);
  if (choice !== null) return { ...readValue(choice[3]), choice: choice[1] ?? choice[2] };
  return { ...readValue(text), choice: '' };
}

function readValue(sentence: string): Omit<Reading, 'choice'> {
  const text = sentence
    .trim()
    .replace(/\.$/, '')
    .replace(/\s+/g, ' ')
    // Spaces go, but not between digits: 1 2 is not 12. `2 1/2` is a mixed number.
    .replace(/(?<![\d./^])(\d+) +(\d+)\/(\d+)(?![\d./^])/g, '($1+$2/$3)');
  const { value, unit } = splitUnit(text.trim());
  const form = value
    // Degrees and percents of members of a list go, as the reference graders of these data sets do.
    .replace(/ *[%°]/g, '')
    .replace(/(\d) *(thousand|million|billion|trillion)$/, (_, digit: string, word: string) => digit + powers[word])
    .replace(/(\d|[A-Za-z)\]⦄]) *(?:, *| +)(?:and|or) +(?=[-+\dA-Za-z([⦃.])/g, '$1, ')
    // A comma that stands alone between digits in threes groups thousands; with a space it makes a list.
    .replace(
      /^([-+]?)(\d{1,3}(?:,\d{3})+)(?=$|\.\d+$|\*10\^)/,
      (_, sign: string, digits: string) => sign + digits.replaceAll(',', ''),
    )
    // 6.7e-5 is a number only as a whole; inside an expression e may be the constant.
    .replace(/^([-+]?\d+\.\d+|[-+]?\d)[eE]([-+]?\d+)$/, (all, digits: string, power: string) =>
      /\./.test(digits) || /E|\d\d$/.test(all) ? `${digits}*10^(${power})` : all,
    )
    .replace(/(?<=\d)\s+(?=\d)/g, '\u0000')
    .replace(/\s+/g, '')
    .replaceAll('\u0000', ' ');
  return { ...splitLabel(form), unit };
}

const powers: Readonly<Record<string, string>> = {
  ...{ thousand: '*10^3', million: '*10^6', billion: '*10^9', trillion: '*10^12' },
};

/** x, x_1, f(x), and the letters of a point: (x,y). */
const variable = '(?:[A-Za-zα-ωΓ-Ω](?:_\\w+|\\([a-z]\\))?|\\([A-Za-z](?:,[A-Za-z])+\\))';
const equation = new RegExp(`^(${variable})([=∈])([^=]+)$`);
const below = new RegExp(`^(?:([^<>≤≥,]+)([<≤]))?(${variable})(?:([<≤])([^<>≤≥,]+))?$`);
const above = new RegExp(`^(?:([^<>≤≥,]+)([>≥]))?(${variable})(?:([>≥])([^<>≤≥,]+))?$`);

/** `x=5` is 5 of x, and `-2≤x<7` is the interval [-2,7) of x. `x=1,x=2` is 1,2 of x; of several letters, it stays. */
export function splitLabel(form: string): { form: string; label: string } {
  const members = form.split(',').map((member) => equation.exec(member));
  const [first] = members;
  if (first && members.length > 1 && members.every((found) => found?.[1] === first[1] && found[2] === '=')) {
    return { form: members.map((found) => found![3]).join(','), label: first[1] };
  }
  const found = equation.exec(form);
  if (found !== null) return { form: found[3], label: found[1] };
  const [up, down] = [below.exec(form), above.exec(form)];
  if (up !== null && (up[2] ?? up[4])) return { form: interval(up[1], up[2], up[4], up[5]), label: up[3] };
  if (down !== null && (down[2] ?? down[4])) {
    return { form: interval(down[5], down[4], down[2], down[1]), label: down[3] };
  }
  return { form, label: '' };
}

function interval(low = '-inf', opens = '', closes = '', high = 'inf'): string {
  return `${/[≤≥]/.test(opens) ? '[' : '('}${low},${high}${/[≤≥]/.test(closes) ? ']' : ')'}`;
}

const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** Symbols that have a command in LaTeX. */
function unicode(text: string): string {
  return text
    .replace(/[−–]/g, '-')
    .replace(/[×·⋅]/g, '*')
    .replace(/÷/g, '/')
    .replace(/π/g, '\\pi ')
    .replace(/√ *(\d+(?:\.\d+)?|[A-Za-z])/g, '\\sqrt{$1}')
    .replace(/√/g, '\\sqrt ')
    .replace(/∞/g, '\\infty ')
    .replace(
      new RegExp(`⁻?[${superscripts}]+`, 'g'),
      (power) => `^{${[...power].map((c) => (c === '⁻' ? '-' : superscripts.indexOf(c))).join('')}}`,
    )
    .replace(/\*\*/g, '^')
    .replace(/[\u00a0\u2009\u202f]/g, ' ');
}
