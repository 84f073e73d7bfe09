/** The whole language of the abacus problems: what the checkpoints were trained on, and nothing else. */

export type Operator = '+' | '-' | '*' | '/';
export type Kind = 'sequence' | 'story';

/** A sentence with slots: {n} a number, {name} who the story is about, {friend} the other person, {item} what is counted. */
export interface Clause {
  readonly operator: Operator;
  readonly template: string;
  /** Said by the words themselves ("Double it"): the clause fits this operand only and has no {n}. */
  readonly operand?: number;
}

export interface Language {
  readonly openings: readonly string[];
  readonly clauses: readonly Clause[];
  readonly questions: readonly string[];
}

export const languages: Readonly<Record<Kind, Language>> = {
  sequence: {
    openings: ['Start with {n}.', 'Take the number {n}.', 'Begin at {n}.'],
    clauses: [
      { operator: '+', template: 'Add {n}.' },
      { operator: '-', template: 'Subtract {n}.' },
      { operator: '*', template: 'Multiply by {n}.' },
      { operator: '*', template: 'Double it.', operand: 2 },
      { operator: '*', template: 'Triple it.', operand: 3 },
      { operator: '/', template: 'Divide by {n}.' },
      { operator: '/', template: 'Halve it.', operand: 2 },
    ],
    questions: ['What is the result?', 'What number do you get?'],
  },
  story: {
    openings: ['{name} has {n} {item}.'],
    clauses: [
      { operator: '+', template: '{name} buys {n} more.' },
      { operator: '+', template: '{name} finds {n} more.' },
      { operator: '+', template: '{friend} gives {name} {n} more.' },
      { operator: '-', template: '{name} sells {n}.' },
      { operator: '-', template: '{name} loses {n}.' },
      { operator: '-', template: '{name} gives {n} to {friend}.' },
      { operator: '*', template: 'Then the pile grows to {n} times its size.' },
      { operator: '*', template: 'A machine makes it {n} times as many.' },
      { operator: '/', template: '{name} shares them equally among {n} people and keeps one share.' },
      { operator: '/', template: '{name} keeps only one of {n} equal parts.' },
    ],
    questions: ['How many {item} does {name} have now?'],
  },
};

export const names: readonly string[] = [
  'Ann',
  'Ben',
  'Cara',
  'Dan',
  'Eva',
  'Finn',
  'Gia',
  'Hugo',
  'Ivy',
  'Jack',
  'Kim',
  'Leo',
  'Mia',
  'Noah',
  'Olga',
  'Paul',
  'Quinn',
  'Rosa',
  'Sam',
  'Tina',
];

export const items: readonly string[] = [
  'apples',
  'beads',
  'books',
  'cards',
  'coins',
  'cookies',
  'marbles',
  'pens',
  'shells',
  'stamps',
  'stickers',
  'stones',
];

export type Slots = Readonly<Record<string, string | number>>;

/** The sentence with its slots filled. */
export function fill(template: string, slots: Slots): string {
  return template.replace(/\{(\w+)\}/g, (_, slot: string) => String(slots[slot]));
}
