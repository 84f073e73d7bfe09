import { readFileSync } from 'node:fs';
import { AttsError } from '../errors.js';

/** What the file of `--prompt file:PATH` says. @throws AttsError `usage` */
export function promptText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : 'cannot be read';
    throw new AttsError('usage', `--prompt file:${path}: ${why}`, { cause });
  }
}
