import { fractions, matrices, silent, symbols, unitLetters, words } from './latex-symbols.js';

/**
 * LaTeX of short answers to a plain notation in which equal ways of writing are equal strings: \frac{1}{2}, \dfrac12 and
 * 1/2 are `(1/2)` or `1/2`, \sqrt2 is `sqrt(2)`, \left( is `(`. Commands it does not know stay as they are.
 * @throws RangeError where braces nest too deeply or are not closed
 */
export function plainNotation(latex: string): string {
  return new Reader(latex).readAll();
}

/** Deeper nesting is no answer that a grader needs to understand. */
const deepest = 64;

class Reader {
  private at = 0;
  private depth = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  readAll(): string {
    let out = '';
    // A closing brace without an opening one ends a sequence early; it is skipped.
    while (this.at < this.text.length) {
      out = this.readSequence(out);
      this.at++;
    }
    return out;
  }

  /** Up to the brace that closes the group, or to the end. */
  private readSequence(before = ''): string {
    let out = before;
    while (this.at < this.text.length && this.text[this.at] !== '}') out = this.readOne(out);
    return out;
  }

  /** Reads one symbol, command or group, and gives what was written so far with it. */
  private readOne(out: string): string {
    const c = this.text[this.at];
    if (c === '{') return out + this.readGroup();
    if (c === '\\') return this.readCommand(out);
    this.at++;
    if ((c === '^' || c === '_') && /^ *[{\\]/.test(this.text.slice(this.at, this.at + 8))) {
      const script = this.readArgument();
      if (c === '^' && (script === '°' || /^(st|nd|rd|th)$/.test(script))) return out + script;
      return out + c + (c === '_' ? baseOf(script) : wrapped(script));
    }
    return c === '$' ? out : out + (c === '~' ? ' ' : c);
  }

  private readGroup(): string {
    if (++this.depth > deepest) throw new RangeError('braces nest too deeply');
    this.at++;
    const content = this.readSequence();
    if (this.at >= this.text.length) throw new RangeError('a brace is not closed');
    this.at++;
    this.depth--;
    return content;
  }

  /** TeX's argument: the next group, command or single character. */
  private readArgument(): string {
    while (this.text[this.at] === ' ') this.at++;
    if (this.at >= this.text.length || this.text[this.at] === '}') return '';
    if (++this.depth > deepest) throw new RangeError('arguments nest too deeply');
    const argument = this.readOne('').trim();
    this.depth--;
    return argument;
  }

  private readCommand(out: string): string {
    const name = /\\([A-Za-z]+|[\s\S]?)/y;
    name.lastIndex = this.at;
    const command = name.exec(this.text)![1];
    this.at = name.lastIndex;
    // TeX drops the spaces after a command of letters and, in mathematics, after the others.
    if (command !== ' ') while (this.text[this.at] === ' ') this.at++;
    if (fractions.has(command)) return this.readFraction(out);
    if (command === 'sqrt') return out + this.readRoot();
    if (words.has(command)) return this.readWords(out);
    if (command === 'overline') return this.readPeriod(out);
    if (command === 'binom' || command === 'dbinom' || command === 'tbinom') {
      return `${out}combinations(${this.readArgument()},${this.readArgument()})`;
    }
    if (command === 'begin' || command === 'end') return out + this.readEnvironment(command);
    // A thin space between digits groups thousands; elsewhere it is a space.
    if (command === ',')
      return /\d$/.test(out) && /^\d{3}(?!\d)/.test(this.text.slice(this.at, this.at + 4)) ? out : `${out} `;
    if (silent.has(command)) return out;
    return out + (Object.hasOwn(symbols, command) ? symbols[command] : `\\${command} `);
  }

  /** Upright words; a single upright letter behind a number is a unit, where it could be mistaken for a variable. */
  private readWords(out: string): string {
    const text = this.readArgument();
    const unit = /[\d)]\s*$/.test(out) ? unitLetters[text] : undefined;
    return `${out} ${unit ?? text} `;
  }

  /** 0.1\\overline{6} is (16 − 1)/90; over anything but decimals the bar stays what it is. */
  private readPeriod(out: string): string {
    const period = this.readArgument();
    const [decimal, whole, fixed] = /(\d{0,30})\.(\d{0,30})$/.exec(out) ?? [];
    if (decimal === undefined || !/^\d{1,30}$/.test(period)) return `${out}\\overline (${period})`;
    const over = BigInt(whole + fixed + period) - BigInt(`0${whole}${fixed}`);
    return `${out.slice(0, -decimal.length)}(${over}/${'9'.repeat(period.length)}${'0'.repeat(fixed.length)})`;
  }

  /** An integer in front of a fraction of integers is a mixed number: 1\frac{4}{5} is 1 + 4/5. */
  private readFraction(out: string): string {
    const [over, under] = [this.readArgument(), this.readArgument()];
    const fraction = `${wrapped(over)}/${wrapped(under)}`;
    const whole = /(?:^|[-+(,[⦃=±])\s*(\d+)\s*$/.exec(out);
    if (whole === null || !/^\d+\/\d+$/.test(fraction)) return `${out}(${fraction})`;
    return `${out.trimEnd().slice(0, -whole[1].length)}(${whole[1]}+${fraction})`;
  }

  private readRoot(): string {
    const index = /\s*\[(\d+)\]/y;
    index.lastIndex = this.at;
    const found = index.exec(this.text);
    if (found !== null) this.at = index.lastIndex;
    // \sqrt(2), as it is written outside TeX, already has the brackets.
    if (found === null && this.text[this.at] === '(') return 'sqrt';
    const radicand = this.readArgument();
    return found === null ? `sqrt(${radicand})` : `nthRoot(${radicand},${found[1]})`;
  }

  /** \begin{pmatrix} a & b \\ c & d \end{pmatrix} is ⟦a&b;c&d⟧. */
  private readEnvironment(command: string): string {
    const name = this.readArgument();
    return matrices.has(name) ? (command === 'begin' ? '⟦' : '⟧') : `\\${command} ${name}`;
  }
}

/** The base of a numeral may be written out: 101_{\\text{two}}. */
function baseOf(script: string): string {
  const base = numberWords.indexOf(script.toLowerCase());
  return base < 0 ? wrapped(script) : String(base + 2);
}

const numberWords =
  'two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen'.split(' ');

/** In brackets unless it is one number, one letter or pi. */
function wrapped(expression: string): string {
  return /^(\d+|[A-Za-z]|pi)$/.test(expression) ? expression : `(${expression})`;
}
