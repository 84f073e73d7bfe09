import { simd, simdName } from '../../backends/simd/index.js';
import { registerFor } from '../../tfjs.js';
import { threadsFor } from '../linear/simd.js';
import { cacheStore } from './cache.js';
import type { AttentionAttributes, AttentionInputs } from './reference.js';

cacheStore.register(simdName, (bytes) => {
  const { heap } = simd();
  const block = heap.allocate(bytes);
  return {
    floats: heap.float32(block.pointer, bytes / 4),
    address: block.pointer,
    release: () => heap.release(block),
  };
});

registerFor<AttentionInputs, AttentionAttributes>(simdName, 'AttsAttention', ({ q }, attributes) => {
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
  // A head's scores, up to three positions before the window, and the inverse of their sum.
  const stride = (Math.ceil(longest / 4) * 4 + 8) * 4;
  const [positions, tables, pages, scores] = backend.scratch(
    ...[T * 4, T * 4, rows.pages.length * 4, heads * stride * threads],
  );
  backend.heap.int32(positions, T).set(rows.positions);
  backend.heap.int32(tables, T).set(rows.tables);
  backend.heap.int32(pages, rows.pages.length).set(rows.pages);
  const out = backend.output([T, heads * headDim]);
  backend.pool.run(
    'attention',
    [
      ...[
        backend.pointer(q),
        T,
        heads,
        kvHeads,
        headDim,
        pageSize,
        0,
        window ?? 0,
        out.pointer,
        positions,
        tables,
        pages,
      ],
      ...[cache.pointer(layer, 0), cache.pointer(layer, 1), scores, stride, T < 2 * threads ? 1 : kvHeads],
    ],
    { 6: scale },
    threads,
  );
  return out.info;
});
