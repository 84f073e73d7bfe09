import type { RaggedRows } from '../../kernels/ops/attention/index.js';

/** Rows [from, to) of a sequence with the given pages. */
export interface Rows {
  readonly pages: readonly number[];
  readonly from: number;
  readonly to: number;
}

/** The rows of several sequences side by side. */
export function ragged(sequences: readonly Rows[], pageSize: number): RaggedRows {
  const [positions, slots, tables, pages]: number[][] = [[], [], [], []];
  for (const sequence of sequences) {
    for (let p = sequence.from; p < sequence.to; p++) {
      positions.push(p);
      slots.push(sequence.pages[Math.floor(p / pageSize)] * pageSize + (p % pageSize));
      tables.push(pages.length);
    }
    pages.push(...sequence.pages);
  }
  const ints = (list: number[]) => Int32Array.from(list);
  return { positions: ints(positions), slots: ints(slots), tables: ints(tables), pages: ints(pages) };
}
