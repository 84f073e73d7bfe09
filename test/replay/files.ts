import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../runs/fixtures.js';

/** First problems of the reference implementation's records, as it wrote them (test/replay/data/README.md). */
export const data = (name: string): string =>
  fileURLToPath(new URL(`../../../test/replay/data/${name}`, import.meta.url));

export const numbers = (name: string): number[] => JSON.parse(readFileSync(data(name), 'utf8')) as number[];

/** Writes files into a fresh folder a test, and gives their paths. */
export function fileMaker(): (name: string, content: string | Buffer) => string {
  const folder = temporaryFolder();
  return (name, content) => {
    const path = join(folder(), name);
    writeFileSync(path, content);
    return path;
  };
}

export const header = 'sample,question,turn,attempt,kind,ppl,percentile,accepted,chars,has_box';
