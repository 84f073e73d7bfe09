/** Small JSON documents that are found out once a machine: XDG_CACHE_HOME or ~/.cache, `atts/`. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from './atomic-file.js';

const folder = () => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'atts');

/** Null where there is none that can be read. */
export function readCached(name: string): unknown {
  try {
    return JSON.parse(readFileSync(join(folder(), name), 'utf8'));
  } catch {
    return null;
  }
}

/** A home that cannot be written to costs finding out again, nothing else. */
export function writeCached(name: string, document: unknown): void {
  try {
    makeFolder(folder());
    writeFileAtomic(join(folder(), name), `${JSON.stringify(document, null, 2)}\n`);
  } catch {}
}
