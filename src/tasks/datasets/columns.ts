import { streamKey, uniformAt } from '../../engine/local/random.js';
import { AttsError } from '../../errors.js';
import { extractAnswer } from '../answers.js';
import type { Choices, Problem } from '../problem.js';
import type { Row } from './rows.js';

/** What the fields of a problem are called, in lower case; the first that is there counts. */
const columns = {
  id: ['id'],
  problem: ['problem', 'question'],
  answer: ['answer', 'final_answer'],
  /** Where there is no answer by itself: the text that ends in it. */
  solution: ['solution'],
  choices: ['choices', 'options'],
  correct: ['correct answer'],
  incorrect: ['incorrect answer 1', 'incorrect answer 2', 'incorrect answer 3'],
} as const;

export const columnNames: readonly string[] = Object.values(columns).flat();

type Cells = ReadonlyMap<string, unknown>;

/**
 * The problem of a row, in any of the known layouts. An answer in GSM8K's style (`… #### 18`) is what follows the last
 * `####`, a list of answers is joined, and a solution answers with its last \boxed{}. Options are shuffled by seed and
 * id, and the gold answer is the letter of the right one.
 * @param index position in the file, which is the id of a problem without one
 * @throws AttsError `dataset` with file and line, and what is missing
 */
export function problemOf({ value, where }: Row, index: number, seed: number): Problem {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AttsError('dataset', `${where}: not a JSON object with a problem and an answer`);
  }
  const cells: Cells = new Map(Object.entries(value).map(([name, cell]) => [name.trim().toLowerCase(), cell]));
  const problem = first(cells, columns.problem);
  if (problem === null) throw new AttsError('dataset', `${where}: no question; give it as 'problem' or 'question'`);
  const id = first(cells, columns.id) ?? String(index);
  const options = optionsOf(cells, where);
  return options === null
    ? { id, problem, answer: answerOf(cells, where) }
    : { id, problem, ...shuffled(options.texts, options.right, id, seed) };
}

function answerOf(cells: Cells, where: string): string {
  const answer = first(cells, columns.answer);
  if (answer !== null) return finalAnswer(answer, where);
  const solution = first(cells, columns.solution);
  if (solution?.includes('####')) return finalAnswer(solution, where);
  const boxed = solution === null ? null : extractAnswer(solution);
  if (boxed === null) throw new AttsError('dataset', `${where}: no 'answer' that is a text or a number`);
  return boxed;
}

function finalAnswer(answer: string, where: string): string {
  const final = (answer.split('####').pop() ?? '').trim();
  if (final === '') throw new AttsError('dataset', `${where}: no answer after '####'`);
  return final;
}

/** The options as the file has them, and the position of the right one; null where the question has none. */
function optionsOf(cells: Cells, where: string): { texts: string[]; right: number } | null {
  const correct = first(cells, columns.correct);
  if (correct !== null) {
    const incorrect = columns.incorrect.map((name) => {
      const text = first(cells, [name]);
      if (text === null) throw new AttsError('dataset', `${where}: no '${name}' beside the correct one`);
      return text;
    });
    return { texts: [correct, ...incorrect].map((text) => text.trim()), right: 0 };
  }
  const list = columns.choices.map((name) => cells.get(name)).find((cell) => cell !== undefined && cell !== null);
  if (list === undefined) return null;
  const texts = Array.isArray(list) ? list.map(textOf) : [];
  if (texts.length < 2 || texts.length > 26 || texts.includes(null)) {
    throw new AttsError('dataset', `${where}: 'choices' is not a list of 2 to 26 texts`);
  }
  const right = positionOf(cells, texts as string[]);
  if (right === -1) throw new AttsError('dataset', `${where}: the 'answer' is none of the choices`);
  return { texts: texts as string[], right };
}

/** The answer names an option by its text, its letter, or its position from 0; -1 where it names none. */
function positionOf(cells: Cells, texts: readonly string[]): number {
  const answer = first(cells, columns.answer)?.trim() ?? '';
  const byText = texts.indexOf(answer);
  if (byText !== -1) return byText;
  const position = /^[A-Z]$/.test(answer) ? answer.charCodeAt(0) - 65 : /^\d+$/.test(answer) ? Number(answer) : -1;
  return position < texts.length ? position : -1;
}

/** Fisher–Yates with the numbers of the problem's own stream. */
function shuffled(
  texts: readonly string[],
  right: number,
  id: string,
  seed: number,
): { answer: string; choices: Choices } {
  const key = streamKey({ seed, problem: id, sample: 0, role: 'choices' });
  const order = texts.map((_, i) => i);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(uniformAt(key, i) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return { answer: letter(order.indexOf(right)), choices: { texts: order.map((i) => texts[i]), order } };
}

/** A, B, … */
export const letter = (position: number): string => String.fromCharCode(65 + position);

/** The first of the named columns that says something, as text; a list of texts joined by commas. */
function first(cells: Cells, names: readonly string[]): string | null {
  for (const name of names) {
    const cell = cells.get(name);
    const text = Array.isArray(cell) ? listText(cell) : textOf(cell);
    if (text !== null) return text;
  }
  return null;
}

function listText(cell: readonly unknown[]): string | null {
  const texts = cell.map(textOf);
  return texts.length === 0 || texts.includes(null) ? null : texts.join(', ');
}

/** A text that says something, or a number as text. */
function textOf(value: unknown): string | null {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}
