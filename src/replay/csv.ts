import { type CsvError, parse } from 'csv-parse/sync';
import { AttsError } from '../errors.js';
import { readTextFile } from './text-file.js';

/** A record and where it ends, for messages: `file:line`. */
export interface CsvRow {
  readonly where: string;
  readonly cells: Readonly<Record<string, string>>;
}

/** @throws AttsError `io`; `run` for a missing column, naming those expected, and for a malformed row, naming its line */
export function readCsv(path: string, columns: readonly string[]): CsvRow[] {
  const text = readTextFile(path);
  if (text.trim() === '') throw new AttsError('run', `${path} is empty; expected the columns ${columns.join(',')}`);
  const checkedHeader = (header: string[]): string[] => {
    const missing = columns.find((column) => !header.includes(column));
    if (missing === undefined) return header;
    throw new AttsError('run', `${path}:1: no column ${missing}; expected ${columns.join(',')}`);
  };
  try {
    const rows = parse(text, { bom: true, columns: checkedHeader, info: true, skip_empty_lines: true });
    return (rows as unknown as { info: { lines: number }; record: Record<string, string> }[]).map(
      ({ info, record }) => ({ where: `${path}:${info.lines}`, cells: record }),
    );
  } catch (cause) {
    if (cause instanceof AttsError) throw cause;
    const { lines, message } = cause as CsvError & { lines?: number };
    throw new AttsError('run', `${path}:${lines ?? '?'}: ${message}`, { cause });
  }
}

/** A whole number from 0 on. @throws AttsError `run` */
export function wholeCell({ where, cells }: CsvRow, column: string): number {
  const value = Number(cells[column]);
  if (cells[column].trim() !== '' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new AttsError('run', `${where}: ${column} is ${shown(cells[column])}, not a whole number`);
}

/** A number, or what Python writes for one: `inf`, `nan`. @throws AttsError `run` */
export function numberCell({ where, cells }: CsvRow, column: string): number {
  const text = cells[column].trim();
  if (text === 'nan') return Number.NaN;
  const value = text === 'inf' ? Number.POSITIVE_INFINITY : Number(text);
  if (text !== '' && !Number.isNaN(value)) return value;
  throw new AttsError('run', `${where}: ${column} is ${shown(text)}, not a number`);
}

const shown = (text: string) => (text === '' ? 'empty' : JSON.stringify(text));
