import { type Kind, languages } from '../../models/abacus/phrases.js';
import type { Step } from '../../models/abacus/solution.js';
import { AttsError } from '../../src/errors.js';

export interface ParsedProblem {
  readonly kind: Kind;
  readonly start: number;
  readonly steps: readonly Step[];
}

/**
 * Reads a problem back into its arithmetic; `solve(start, steps)` then gives its answer and solution.
 * @throws AttsError `dataset` naming the sentence that is not of an abacus problem
 */
export function parseProblem(text: string): ParsedProblem {
  const sentences = text.trim().split(/(?<=[.?])\s+/);
  const [first, last] = [sentences[0], sentences[sentences.length - 1]];
  for (const kind of Object.keys(languages) as Kind[]) {
    const opening = matchAny(languages[kind].openings, first);
    if (opening === null) continue;
    // Who and what the story is about; the friend is whoever is first named as one.
    const cast: Record<string, string> = {};
    admit(cast, opening, first);
    const steps = sentences.slice(1, -1).map((sentence) => parseStep(kind, sentence, cast));
    const question = matchAny(languages[kind].questions, last);
    if (question === null) throw foreign(last);
    admit(cast, question, last);
    return { kind, start: Number(opening.n), steps };
  }
  throw foreign(first);
}

function parseStep(kind: Kind, sentence: string, cast: Record<string, string>): Step {
  for (const { operator, template, operand } of languages[kind].clauses) {
    const slots = match(template, sentence);
    if (slots === null) continue;
    admit(cast, slots, sentence);
    return { operator, operand: operand ?? Number(slots.n) };
  }
  throw foreign(sentence);
}

/** One person, one friend and one kind of item a problem: a sentence about others would change another count. */
function admit(cast: Record<string, string>, slots: Record<string, string>, sentence: string): void {
  for (const [slot, word] of Object.entries(slots)) {
    if (slot === 'n') continue;
    cast[slot] ??= word;
    if (cast[slot] !== word) throw foreign(sentence);
  }
}

function matchAny(templates: readonly string[], sentence: string): Record<string, string> | null {
  for (const template of templates) {
    const slots = match(template, sentence);
    if (slots !== null) return slots;
  }
  return null;
}

function foreign(sentence: string): AttsError {
  return new AttsError('dataset', `not a sentence of an abacus problem: "${sentence.slice(0, 80)}"`);
}

/** The slots of a sentence that was made from the template, or null where it was not. */
function match(template: string, sentence: string): Record<string, string> | null {
  return sentence.match(patternOf(template))?.groups ?? (sentence === template ? {} : null);
}

const patterns = new Map<string, RegExp>();

function patternOf(template: string): RegExp {
  let pattern = patterns.get(template);
  if (pattern === undefined) {
    const source = template
      .replace(/[.?]/g, '\\$&')
      .replace(/\{(\w+)\}/g, (_, slot: string) => (slot === 'n' ? '(?<n>\\d+)' : `(?<${slot}>[A-Za-z]+)`));
    pattern = new RegExp(`^${source}$`);
    patterns.set(template, pattern);
  }
  return pattern;
}
