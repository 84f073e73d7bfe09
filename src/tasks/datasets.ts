import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { generateProblems, type Split } from '../../models/abacus/generator.js';
import { abacusFolder } from '../../models/abacus/paths.js';
import { AttsError } from '../errors.js';
import type { Dataset, Problem } from './problem.js';

export interface DatasetOptions {
  /** First so many problems of the split; null = all (of generated ones, 400). More than there are is all. */
  readonly limit?: number | null;
  /** Seed of generated problems; files do not depend on it. */
  readonly seed?: number;
  /** Which problems: those to evaluate on, or those that calibration scores are drawn from. */
  readonly split?: Split;
  /**
   * Share of a user's file, from its end, that is its calibration split: with 1/3, `test` is the first two thirds and
   * `calibration` the last one. Without it `test` is the whole file and there is no calibration split. Give it to both
   * calls or to neither: then no problem is in both. The embedded data sets have splits of their own and ignore it.
   */
  readonly calibrationFraction?: number | null;
}

const available = 'abacus, abacus:generated, or a path to a .jsonl or .json file';
const generatedCount = 400;

/**
 * Loads a data set: `abacus` (embedded, 400 problems a split), `abacus:generated` (fresh problems by seed), or a path to
 * JSON lines or a JSON array of `{ id?, problem | question, answer }`. Missing ids are positions in the file, from 0. An
 * answer in GSM8K's style (`… #### 18`) is what follows the last `####`.
 * @throws AttsError `dataset`, one line with file and line
 */
export async function loadDataset(spec: string, options: DatasetOptions = {}): Promise<Dataset> {
  const { limit = null, seed = 0, split = 'test', calibrationFraction = null } = options;
  const all = await problemsOf(spec, split, seed, limit ?? generatedCount, calibrationFraction);
  const problems = limit === null ? all : all.slice(0, limit);
  if (problems.length === 0) throw new AttsError('dataset', `${spec}: the ${split} split has no problems`);
  return { name: nameOf(spec), problems, hash: hashOf(problems) };
}

async function problemsOf(
  spec: string,
  split: Split,
  seed: number,
  count: number,
  calibrationFraction: number | null,
): Promise<readonly Problem[]> {
  if (spec === 'abacus') {
    const problems = await readProblems(join(abacusFolder, 'problems', `${split}.jsonl`));
    // Both files count from 0; ids name random streams, which calibration must not share with the test.
    return split === 'test' ? problems : problems.map((p) => ({ ...p, id: `calibration-${p.id}` }));
  }
  if (spec === 'abacus:generated') {
    return generateProblems({ seed, count, split }).map(({ id, problem, answer }) => ({ id, problem, answer }));
  }
  if (!isPath(spec)) throw new AttsError('dataset', `unknown dataset '${spec}': use ${available}`);
  return splitOfFile(spec, await readProblems(spec), split, calibrationFraction);
}

function splitOfFile(path: string, problems: Problem[], split: Split, fraction: number | null): Problem[] {
  if (fraction === null) {
    if (split === 'test') return problems;
    const cure = 'give calibrationFraction, the share of the file to set aside for it, or calibrate on the test';
    throw new AttsError('dataset', `${path} has no calibration split: ${cure}`);
  }
  if (!(fraction > 0 && fraction < 1)) {
    throw new AttsError('dataset', `calibrationFraction must be between 0 and 1, not ${fraction}`);
  }
  const border = problems.length - Math.round(problems.length * fraction);
  return split === 'test' ? problems.slice(0, border) : problems.slice(border);
}

function isPath(spec: string): boolean {
  return /[/\\]/.test(spec) || /^\.[a-z]+$/i.test(extname(spec));
}

function nameOf(spec: string): string {
  return isPath(spec) ? basename(spec, extname(spec)) : spec;
}

/** SHA-256 of the problems as JSON without spaces, keys in alphabetical order. */
function hashOf(problems: readonly Problem[]): string {
  const canonical = JSON.stringify(problems.map(({ answer, id, problem }) => ({ answer, id, problem })));
  return createHash('sha256').update(canonical).digest('hex');
}

/** A row of a file and where it stands there, for messages. */
interface Row {
  readonly value: unknown;
  readonly where: string;
}

async function readProblems(path: string): Promise<Problem[]> {
  const extension = extname(path).toLowerCase();
  if (extension !== '.jsonl' && extension !== '.json') {
    throw new AttsError('dataset', `${path}: not a .jsonl or .json file`);
  }
  const text = await readText(path);
  const rows = extension === '.json' ? rowsOfArray(path, text) : rowsOfLines(path, text);
  if (rows.length === 0) throw new AttsError('dataset', `${path}: no problems in the file`);
  const places = new Map<string, string>();
  return rows.map((row, index) => {
    const problem = readRow(row, index);
    const earlier = places.get(problem.id);
    if (earlier !== undefined) {
      throw new AttsError('dataset', `${row.where}: id '${problem.id}' is already that of ${earlier}; ids must differ`);
    }
    places.set(problem.id, row.where);
    return problem;
  });
}

async function readText(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).replace(/^\ufeff/, '');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`;
    throw new AttsError('dataset', `${path}: ${reason}; a dataset is ${available}`, { cause });
  }
}

function rowsOfLines(path: string, text: string): Row[] {
  return text.split('\n').flatMap((line, i) => {
    const where = `${path}:${i + 1}`;
    return line.trim() === '' ? [] : [{ value: parseJson(line, where), where }];
  });
}

function rowsOfArray(path: string, text: string): Row[] {
  const value = parseJson(text, path);
  if (!Array.isArray(value)) throw new AttsError('dataset', `${path}: not a JSON array of problems`);
  return value.map((row, i) => ({ value: row, where: `${path}[${i}]` }));
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AttsError('dataset', `${where}: not JSON (${(cause as Error).message.replace(/\s+/g, ' ')})`, { cause });
  }
}

function readRow({ value, where }: Row, index: number): Problem {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AttsError('dataset', `${where}: not a JSON object with a problem and an answer`);
  }
  const row = value as Record<string, unknown>;
  const problem = textOf(row.problem) ?? textOf(row.question);
  if (problem === null) throw new AttsError('dataset', `${where}: no question; give it as 'problem' or 'question'`);
  const answer = textOf(row.answer);
  if (answer === null) throw new AttsError('dataset', `${where}: no 'answer' that is a text or a number`);
  return { id: textOf(row.id) ?? String(index), problem, answer: finalAnswer(answer, where) };
}

/** A text that says something, or a number as text. */
function textOf(value: unknown): string | null {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

function finalAnswer(answer: string, where: string): string {
  const final = (answer.split('####').pop() ?? '').trim();
  if (final === '') throw new AttsError('dataset', `${where}: no answer after '####'`);
  return final;
}
