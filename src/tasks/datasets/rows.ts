import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { AttsError } from '../../errors.js';
import { readCsv } from '../../replay/csv.js';
import { readParquet } from './parquet.js';

/** A row of a file and where it stands there, for messages. */
export interface Row {
  readonly value: unknown;
  readonly where: string;
}

const readers: Readonly<Record<string, (path: string, columns: readonly string[]) => Promise<Row[]>>> = {
  '.jsonl': async (path) => rowsOfLines(path, await readText(path)),
  '.json': async (path) => rowsOfArray(path, await readText(path)),
  '.csv': async (path) => rowsOfCsv(path, await readText(path)),
  '.parquet': async (path, columns) =>
    (await readParquet(path, columns)).map((value, i) => ({ value, where: `${path}: row ${i + 1}` })),
};

/**
 * The rows of a JSON lines, JSON, CSV or Parquet file, in their order.
 * @param columns those that a Parquet file is read for, in lower case
 * @throws AttsError `dataset`, one line with file and line
 */
export function readRows(path: string, columns: readonly string[]): Promise<Row[]> {
  const read = readers[extname(path).toLowerCase()];
  if (read === undefined) {
    throw new AttsError(
      'dataset',
      `${path}: not a ${Object.keys(readers)
        .join(', ')
        .replace(/, (?=[^,]*$)/, ' or ')} file`,
    );
  }
  return read(path, columns);
}

async function readText(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).replace(/^\ufeff/, '');
  } catch (cause) {
    throw readFailure(path, cause);
  }
}

/** One line for a file that cannot be read. */
export function readFailure(path: string, cause: unknown): AttsError {
  const { code } = cause as NodeJS.ErrnoException;
  return new AttsError('dataset', `${path}: ${code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`}`, {
    cause,
  });
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

function rowsOfCsv(path: string, text: string): Row[] {
  if (text.trim() === '') return [];
  try {
    return readCsv(path, []).map(({ cells, where }) => ({ value: cells, where }));
  } catch (cause) {
    throw new AttsError('dataset', (cause as Error).message.replace(/\s+/g, ' '), { cause });
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AttsError('dataset', `${where}: not JSON (${(cause as Error).message.replace(/\s+/g, ' ')})`, { cause });
  }
}
