import { registerJob, simd, simdNames } from '../../backends/simd/index.js';
import { threadsFor } from '../linear/simd.js';
import { cacheBytes, cacheStore, type RaggedRows } from './cache.js';
import type { AttentionAttributes, AttentionInputs } from './reference.js';

cacheStore.register(simdNames, (bytes, dtype) => simd().cache(bytes, dtype));

registerJob<AttentionInputs, AttentionAttributes>('AttsAttention', ({ q }, attributes) => {
  const backend = simd();
  const { cache, layer, rows, heads, scale, window } = attributes;
  const { kvHeads, headDim, pageSize } = cache.shape;
  const T = rows.positions.length;
  let longest = 0;
  let seen = 0;
  for (const position of rows.positions) {
    longest = Math.max(longest, position + 1);
    seen += position + 1;
  }
  const threads = threadsFor(2 * seen * heads * headDim);
  // Rows a block; enough blocks for all threads to end at about the same time.
  const most = Math.max(1, Math.min(mostBlockRows, Math.floor(T / (8 * threads))));
  const { firstRows, tables } = blocksOf(rows, most);
  const blocks = tables.length;
  // A head's scores of whole pages, and the inverse of their sum.
  const stride = (Math.ceil(longest / pageSize) * pageSize + 8) * 4;
  const [positionsAt, firstRowsAt, tablesAt, pagesAt, scores] = backend.scratch(
    ...[T * 4, firstRows.length * 4, blocks * 4, rows.pages.length * 4, most * heads * stride * threads],
  );
  backend.heap.int32(positionsAt, T).set(rows.positions);
  backend.heap.int32(firstRowsAt, firstRows.length).set(firstRows);
  backend.heap.int32(tablesAt, blocks).set(tables);
  backend.heap.int32(pagesAt, rows.pages.length).set(rows.pages);
  const out = backend.output([T, heads * headDim]);
  const share = blocks < 2 * threads ? 1 : kvHeads;
  backend.pool.run(
    'attention',
    // biome-ignore format: operands by their order
    [
      backend.pointer(q), blocks, heads, kvHeads, headDim, pageSize, 0, window ?? 0, out.pointer,
      positionsAt, tablesAt, pagesAt, cache.pointer(layer, 0), cache.pointer(layer, 1), scores, stride, share,
      firstRowsAt, most, cacheBytes[cache.shape.dtype],
    ],
    { 6: scale },
    threads,
  );
  return out.info;
});

/** Rows that share what they read of a page: more, and their scores leave the second cache. */
const mostBlockRows = 4;

/** Cuts the rows into blocks that follow each other in one sequence: the first row of each, then T; and its page table. */
function blocksOf({ positions, tables }: RaggedRows, most: number): { firstRows: number[]; tables: number[] } {
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
