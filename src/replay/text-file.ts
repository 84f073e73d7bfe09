import { readFileSync } from 'node:fs';
import { AttsError } from '../errors.js';
import { reasonOf } from '../io-error.js';
import { parsePythonJson as parse } from '../python-json.js';

/** @throws AttsError `io` */
export function readTextFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new AttsError('io', missing ? `${path} does not exist` : `${path} cannot be read: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

/**
 * JSON as Python writes it: a bare `Infinity` is a number. A bare `NaN` becomes the text NaN, so that whoever expects a
 * number there refuses it by its place.
 * @throws AttsError `run`
 */
export function parsePythonJson(text: string, where: string): unknown {
  try {
    return parse(text, (number) => (number === 'NaN' ? '"NaN"' : number.replace('Infinity', '1e999')));
  } catch (cause) {
    throw new AttsError('run', `${where} is not JSON: ${reasonOf(cause)}`, { cause });
  }
}
