import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../atomic-file.js';
import { AttsError } from '../errors.js';
import { reasonOf } from '../io-error.js';
import { parsePythonJson } from '../python-json.js';
import {
  BANK_SCHEMA,
  type BankFile,
  bankFileSchema,
  bareListSchema,
  bareQuestionsSchema,
  firstIssue,
  storedBank,
} from './bank-format.js';
import { scoresByTurn } from './banks.js';
import { decodeNpy, encodeNpy, isNpy, type NpyArray } from './npy.js';

/**
 * Reads a score bank: our own JSON, a JSON list of scores, a JSON object of such lists by question (both may hold bare
 * `Infinity`, as Python writes it), or an NPY array of numbers, [scores] or [problems, samples].
 * @throws AttsError `io` for a file that cannot be read, `run` for one that is not a score bank, `score` for a NaN in it
 */
export async function readBankFile(path: string): Promise<BankFile> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new AttsError(
      'io',
      missing
        ? `score bank ${path} does not exist; make one with atts calibrate`
        : `score bank ${path} cannot be read: ${reasonOf(cause)}`,
      { cause },
    );
  }
  const file = isNpy(bytes) || path.endsWith('.npy') ? fromNpy(path, bytes) : fromJson(path, bytes.toString('utf8'));
  refuseNaN(path, file);
  return file;
}

function fromNpy(path: string, bytes: Buffer): BankFile {
  let array: NpyArray;
  try {
    array = decodeNpy(bytes);
  } catch (cause) {
    throw new AttsError('run', `score bank ${path} is no NPY array of scores: ${reasonOf(cause)}`, { cause });
  }
  const bare = { schema: BANK_SCHEMA, provenance: {} } as const;
  const [rows, columns] = array.shape;
  if (columns === undefined) return { ...bare, turns: [[...array.data]] };
  const row = (problem: number) => array.data.slice(problem * columns, (problem + 1) * columns);
  return {
    ...bare,
    turns: [],
    questions: Object.fromEntries(Array.from({ length: rows }, (_, problem) => [String(problem), row(problem)])),
  };
}

function fromJson(path: string, text: string): BankFile {
  const { value, isStrict } = parseJson(path, text);
  const bare = { schema: BANK_SCHEMA, provenance: {} } as const;
  if (Array.isArray(value)) return { ...bare, turns: [valid(path, 'a list of scores', bareListSchema, value)] };
  if (typeof value === 'object' && value !== null && !('schema' in value)) {
    return { ...bare, turns: [], questions: valid(path, 'an object of lists of scores', bareQuestionsSchema, value) };
  }
  if (!isStrict) throw notStrict(path);
  return valid(path, BANK_SCHEMA, bankFileSchema, value);
}

function valid<T>(path: string, what: string, schema: { safeParse(value: unknown): Parsed<T> }, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AttsError('run', `score bank ${path} is not ${what}: ${firstIssue(parsed.error)}`);
}

type Parsed<T> = { success: true; data: T } | { success: false; error: Parameters<typeof firstIssue>[0] };

/** Strict JSON, or else what Python writes for numbers that JSON lacks. */
function parseJson(path: string, text: string): { value: unknown; isStrict: boolean } {
  try {
    return { value: JSON.parse(text), isStrict: true };
  } catch (cause) {
    try {
      return { value: parsePythonJson(text, (number) => `"${number}"`), isStrict: false };
    } catch {
      throw notStrict(path, cause);
    }
  }
}

function notStrict(path: string, cause?: unknown): AttsError {
  return new AttsError('run', `score bank ${path} is not strict JSON; make it anew with atts calibrate`, { cause });
}

/** @throws AttsError `score` that says which score is NaN */
function refuseNaN(path: string, { turns, questions }: BankFile): void {
  const lists = [
    ...turns.map((scores, turn) => [`turn ${turn}`, scores] as const),
    ...Object.entries(questions ?? {}).map(([problem, scores]) => [`question ${problem}`, scores] as const),
  ];
  for (const [where, scores] of lists) {
    const index = scores.findIndex(Number.isNaN);
    if (index < 0) continue;
    throw new AttsError('score', `score bank ${path}: ${where}, score ${index} is NaN; leave failed scores out`);
  }
}

/**
 * Writes the whole file or nothing: a reader sees the old bank or the new one, never a torn one. A name that ends in
 * `.npy` gets the bare scores as float64, [problems, samples] where all problems have as many and [scores] otherwise.
 * @throws AttsError `score` for a NaN score, `run` for scores of several turns in NPY, `io` for a path that cannot be
 *   written
 */
export async function writeBankFile(path: string, file: BankFile): Promise<void> {
  refuseNaN(path, file);
  const contents = path.endsWith('.npy') ? encodeNpy(toNpy(path, file)) : `${JSON.stringify(storedBank(file))}\n`;
  writeFileAtomic(path, contents);
}

function toNpy(path: string, file: BankFile): NpyArray {
  const { turns, problems } = scoresByTurn(file);
  if (turns.length !== 1) {
    throw new AttsError('run', `score bank ${path}: NPY holds scores of one turn, not of ${turns.length}; write JSON`);
  }
  const [scores] = turns;
  const rows = new Map<string, number[]>();
  problems?.[0].forEach((problem, index) => {
    const row = rows.get(problem) ?? [];
    rows.set(problem, row);
    row.push(scores[index]);
  });
  const data = [...rows.values()].flat();
  const columns = data.length / rows.size;
  const isRectangle = data.length > 0 && [...rows.values()].every((row) => row.length === columns);
  return isRectangle ? { shape: [rows.size, columns], data } : { shape: [scores.length], data: scores };
}
