import type { RaggedRows } from './cache.js';

/**
 * Cuts the rows into blocks of at most `most` that follow each other in one sequence: the first row of each, then T; and
 * its page table.
 */
export function blocksOf({ positions, tables }: RaggedRows, most: number): { firstRows: number[]; tables: number[] } {
  const firstRows: number[] = [];
  const own: number[] = [];
  for (let t = 0; t < positions.length; t++) {
    const first = firstRows.at(-1) ?? Number.NEGATIVE_INFINITY;
    const goesOn = t - first < most && tables[t] === own.at(-1) && positions[t] === positions[t - 1] + 1;
    if (goesOn) continue;
    firstRows.push(t);
    own.push(tables[t]);
  }
  return { firstRows: [...firstRows, positions.length], tables: own };
}
