// Attention for several rows that follow each other in one sequence: all query heads of a kv head meet its keys and values
// together, in tiles of up to six rows, each a row's query of one head. Scores, sums and outputs are those of a row by
// itself (simd.as.ts), bit for bit.
import { packRows } from '../linear/pack-rows.as';
import { rowsOfTile } from '../linear/tiles.as';
import { copy } from '../../backends/simd/math.as';
import { threadBuffer } from '../../backends/simd/pool.as';
import { kept, multiply, softmax } from './simd.as';
import { bf16CachedTile, cachedMostRows, f32CachedTile } from './tiles.as';

// Positions whose values stay in the first cache until all rows have met them: at least a page.
const VALUES_AT_ONCE: i32 = 128;

// Columns of a tile.
const COLUMNS: i32 = 8;

// Whether the tiles fit: they take eight positions, or dimensions, at a time, and queries and weights of a tile lie in the
// thread's buffer.
export function fitsTiles(headDim: i32, pageSize: i32): bool {
  return headDim % COLUMNS == 0 && pageSize % COLUMNS == 0 && headDim <= 512 && pageSize <= 512;
}

// @ts-ignore: decorator
@inline
function tile<T>(rows: i32, x: usize, pages: usize, n: i32, each: i32, base: usize, pageBytes: usize, step: usize, out: usize, stride: usize, first: bool): void {
  if (sizeof<T>() == 4) f32CachedTile(rows, x, pages, n, each, base, pageBytes, step, out, stride, first);
  else bf16CachedTile(rows, x, pages, n, each, base, pageBytes, step, out, stride, first);
}

// The block's rows × the `group` heads from `query` on, whose kv head's keys and values begin at `keys` and `values` in
// every page. `pages` begin with the one in which the rows' windows begin, `before` positions from the first; from there
// the first row sees n positions, every other one more than the row before it. `scores` has rows · group of `stride`
// bytes, then as many vectors of headDim.
export function attendBlock<T>(
  rows: i32, group: i32, headDim: i32, pageSize: i32, query: usize, result: usize, rowBytes: usize, pages: usize, keys: usize,
  values: usize, pageBytes: usize, n: i32, window: i32, before: i32, scale: v128, scores: usize, stride: usize,
): void {
  const all = rows * group, headBytes = <usize>headDim << 2;
  const vectors = scores + <usize>all * stride; // queries, then outputs
  const last = n + rows - 1;
  let source = query, heads = 0;
  const toNextRow = rowBytes - <usize>group * headBytes;
  for (let i = 0, some = 0; i < all; i += some) {
    some = rowsOfTile(all - i, cachedMostRows);
    const own = threadBuffer();
    for (let r = 0; r < some; r++) {
      copy(own + <usize>r * headBytes, source, headBytes);
      source += headBytes;
      if (++heads == group) {
        heads = 0;
        source += toNextRow;
      }
    }
    packRows(own, headBytes, some, headDim, vectors + <usize>i * headBytes);
  }
  for (let from = 0; from < last; from += pageSize) {
    const page = pages + (<usize>(from / pageSize) << 2);
    for (let i = 0, some = 0; i < all; i += some) {
      some = rowsOfTile(all - i, cachedMostRows);
      const to = scores + <usize>i * stride + (<usize>from << 2);
      for (let j: usize = 0, needed = <usize>min(pageSize, last - from) << 2; j < needed; j += COLUMNS << 2) {
        tile<T>(some, vectors + <usize>i * headBytes, page, headDim, headDim, keys + kept<T>(j), pageBytes, kept<T>(<usize>pageSize << 2), to + j, stride, true);
      }
    }
  }
  for (let i = 0; i < all; i++) {
    const end = before + n + i / group, own = scores + <usize>i * stride;
    const skipped = window > 0 && end > window ? end - window - before : 0;
    store<f32>(own + stride - 16, 1 / softmax(own, skipped, end - before, scale));
  }
  // What all rows see, and what the later ones see besides.
  const together = max(1, VALUES_AT_ONCE / pageSize) * pageSize;
  for (let from = 0; from < n; from += together) {
    const page = pages + (<usize>(from / pageSize) << 2), count = min(together, n - from);
    for (let i = 0, some = 0; i < all; i += some) {
      some = rowsOfTile(all - i, cachedMostRows);
      const weights = threadBuffer();
      packRows(scores + <usize>i * stride + (<usize>from << 2), stride, some, count, weights);
      const to = vectors + <usize>i * headBytes;
      for (let j: usize = 0; j < headBytes; j += COLUMNS << 2) {
        tile<T>(some, weights, page, count, pageSize, values + kept<T>(j), pageBytes, kept<T>(headBytes), to + j, headBytes, from == 0);
      }
    }
  }
  for (let r = 1; r < rows; r++) {
    for (let p = n, some = 0; p < n + r; p += some) {
      some = min(n + r - p, pageSize - p % pageSize);
      const value = values + <usize>load<i32>(pages + (<usize>(p / pageSize) << 2)) * pageBytes + kept<T>(<usize>(p % pageSize) * headBytes);
      const own = <usize>(r * group);
      multiply<T>(group, some, scores + own * stride + (<usize>p << 2), stride, value, headBytes, headBytes, vectors + own * headBytes, headBytes, false);
    }
  }
  let at = vectors, to = result;
  for (let r = 0; r < rows; r++) {
    for (let head = 0; head < group; head++) {
      const inverse = v128.load32_splat(scores + <usize>(r * group + head) * stride + stride - 16);
      for (const end = at + headBytes; at < end; at += 16) {
        v128.store(to, f32x4.mul(v128.load(at), inverse));
        to += 16;
      }
    }
    to += toNextRow;
  }
}
