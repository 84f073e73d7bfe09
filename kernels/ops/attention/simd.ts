import { registerJob, simd, simdNames } from '../../backends/simd/index.js';
import { threadsFor } from '../linear/simd.js';
import { blocksOf } from './blocks.js';
import { cacheBytes, cacheStore } from './cache.js';
import type { AttentionAttributes, AttentionInputs } from './reference.js';

cacheStore.register(simdNames, (bytes, { dtype }) => simd().cache(bytes, dtype));

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
  // Rows a block; enough pieces of work for all threads to end at about the same time.
  const pieces = (T * kvHeads) / (8 * threads);
  const most = Math.max(1, Math.min(Math.ceil((blockQueries * kvHeads) / heads), Math.floor(pieces)));
  const { firstRows, tables } = blocksOf(rows, most);
  const blocks = tables.length;
  // A head's scores of whole pages, and the inverse of their sum.
  const stride = (Math.ceil(longest / pageSize) * pageSize + 8) * 4;
  const [positionsAt, firstRowsAt, tablesAt, pagesAt, scores] = backend.scratch(
    ...[
      T * 4,
      firstRows.length * 4,
      blocks * 4,
      rows.pages.length * 4,
      most * heads * (stride + headDim * 4) * threads,
    ],
  );
  backend.heap.int32(positionsAt, T).set(rows.positions);
  backend.heap.int32(firstRowsAt, firstRows.length).set(firstRows);
  backend.heap.int32(tablesAt, blocks).set(tables);
  backend.heap.int32(pagesAt, rows.pages.length).set(rows.pages);
  const out = backend.output([T, heads * headDim]);
  const share = blocks < Math.max(T, 2 * threads) ? 1 : kvHeads;
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

/** Rows times heads of a kv head that share what they read of a page: two tiles (tiles.ts). */
const blockQueries = 12;
