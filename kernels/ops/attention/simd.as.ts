// Attention over a paged KV cache. A piece of work is a block of rows that follow each other in one sequence, with the
// query heads of one kv head; or, of many chains with a row each, of all kv heads, so that keys and values are read in the
// order in which they lie. Blocks of several rows go through tiles (block.as.ts). Every score is one sum over headDim and
// every output one sum over positions, in an order that depends on the row's own position only: the same bits whatever rows stand beside it.
// T is how the cache keeps a value: f32, or u16 for the upper half of one (bfloat16), which costs a shift to widen.
import { clear, exp4, laneMax4, laneSum, madd } from '../../backends/simd/math.as';
import { address, operand, operandF32, take, threadIndex } from '../../backends/simd/pool.as';
import { attendBlock, fitsTiles } from './block.as';

// The first, second, third and fourth four cached values from p on. (Offsets of loads must be literals.)
// @ts-ignore: decorator
@inline
function four0<T>(p: usize): v128 { return sizeof<T>() == 4 ? v128.load(p, 0) : i32x4.shl(v128.load_ext<u16>(p, 0), 16); }
// @ts-ignore: decorator
@inline
function four1<T>(p: usize): v128 { return sizeof<T>() == 4 ? v128.load(p, 16) : i32x4.shl(v128.load_ext<u16>(p, 8), 16); }
// @ts-ignore: decorator
@inline
function four2<T>(p: usize): v128 { return sizeof<T>() == 4 ? v128.load(p, 32) : i32x4.shl(v128.load_ext<u16>(p, 16), 16); }
// @ts-ignore: decorator
@inline
function four3<T>(p: usize): v128 { return sizeof<T>() == 4 ? v128.load(p, 48) : i32x4.shl(v128.load_ext<u16>(p, 24), 16); }

// Bytes in the cache of what takes so many as float32.
// @ts-ignore: decorator
@inline
export function kept<T>(bytes: usize): usize { return sizeof<T>() == 4 ? bytes : bytes >> 1; }

// The first tile over float32 keys or values loads a byte of the other lines of each row: memory is read ahead from end to
// end, not where a tile's columns leave lines out. (Rows of bfloat16 are half as long and gain nothing.)
type First = u8;
type Later = u16;

// @ts-ignore: decorator
@inline
function touch<T, Turn>(m: usize, bytes: usize): void {
  if (sizeof<T>() < 4 || sizeof<Turn>() > 1 || bytes <= 64) return;
  load<u8>(m, 64);
  if (bytes > 128) { load<u8>(m, 128); load<u8>(m, 192); }
  if (bytes > 256) { load<u8>(m, 256); load<u8>(m, 320); load<u8>(m, 384); load<u8>(m, 448); }
}

// What a sum starts from: 0, or what is there already.
// @ts-ignore: decorator
@inline
function start(out: usize, fresh: bool): v128 { return fresh ? f32x4.splat(0) : v128.load(out); }

// The tiles: out[r][j] = Σ x[r][i] · m[i][j] (+ out[r][j] if not fresh) over the x up to `end`, for 1, 2 or 3 rows r and
// 4 to 16 columns j. Scores: x queries, m keys, i dimensions, j positions; outputs: x weights, m values, i positions, j
// dimensions. Each is one sum in the order of i, whatever the tile. All that a step holds must fit the 15 registers that
// the compiler has, or it runs at half the speed: 3 × 12 (9 sums, 3 x, 3 m) and 2 × 16 do, 1 × 32 and 3 × 16 do not.
function three12<T, Turn>(x: usize, end: usize, rowBytes: usize, m: usize, stride: usize, out: usize, outStride: usize, fresh: bool): void {
  const outB = out + outStride, outC = outB + outStride;
  let a0 = start(out, fresh), a1 = start(out + 16, fresh), a2 = start(out + 32, fresh);
  let b0 = start(outB, fresh), b1 = start(outB + 16, fresh), b2 = start(outB + 32, fresh);
  let c0 = start(outC, fresh), c1 = start(outC + 16, fresh), c2 = start(outC + 32, fresh);
  for (; x < end; x += 4) {
    touch<T, Turn>(m, stride);
    const a = v128.load32_splat(x), b = v128.load32_splat(x + rowBytes), c = v128.load32_splat(x + 2 * rowBytes);
    const m0 = four0<T>(m), m1 = four1<T>(m), m2 = four2<T>(m);
    a0 = madd(a, m0, a0); b0 = madd(b, m0, b0); c0 = madd(c, m0, c0);
    a1 = madd(a, m1, a1); b1 = madd(b, m1, b1); c1 = madd(c, m1, c1);
    a2 = madd(a, m2, a2); b2 = madd(b, m2, b2); c2 = madd(c, m2, c2);
    m += stride;
  }
  v128.store(out, a0); v128.store(out, a1, 16); v128.store(out, a2, 32);
  v128.store(outB, b0); v128.store(outB, b1, 16); v128.store(outB, b2, 32);
  v128.store(outC, c0); v128.store(outC, c1, 16); v128.store(outC, c2, 32);
}

function three8<T>(x: usize, end: usize, rowBytes: usize, m: usize, stride: usize, out: usize, outStride: usize, fresh: bool): void {
  const outB = out + outStride, outC = outB + outStride;
  let a0 = start(out, fresh), a1 = start(out + 16, fresh);
  let b0 = start(outB, fresh), b1 = start(outB + 16, fresh);
  let c0 = start(outC, fresh), c1 = start(outC + 16, fresh);
  for (; x < end; x += 4) {
    const a = v128.load32_splat(x), b = v128.load32_splat(x + rowBytes), c = v128.load32_splat(x + 2 * rowBytes);
    const m0 = four0<T>(m), m1 = four1<T>(m);
    a0 = madd(a, m0, a0); b0 = madd(b, m0, b0); c0 = madd(c, m0, c0);
    a1 = madd(a, m1, a1); b1 = madd(b, m1, b1); c1 = madd(c, m1, c1);
    m += stride;
  }
  v128.store(out, a0); v128.store(out, a1, 16);
  v128.store(outB, b0); v128.store(outB, b1, 16);
  v128.store(outC, c0); v128.store(outC, c1, 16);
}

function two16<T, Turn>(x: usize, end: usize, rowBytes: usize, m: usize, stride: usize, out: usize, outStride: usize, fresh: bool): void {
  const outB = out + outStride;
  let a0 = start(out, fresh), a1 = start(out + 16, fresh), a2 = start(out + 32, fresh), a3 = start(out + 48, fresh);
  let b0 = start(outB, fresh), b1 = start(outB + 16, fresh), b2 = start(outB + 32, fresh), b3 = start(outB + 48, fresh);
  for (; x < end; x += 4) {
    touch<T, Turn>(m, stride);
    const a = v128.load32_splat(x), b = v128.load32_splat(x + rowBytes);
    const m0 = four0<T>(m), m1 = four1<T>(m), m2 = four2<T>(m), m3 = four3<T>(m);
    a0 = madd(a, m0, a0); b0 = madd(b, m0, b0); a1 = madd(a, m1, a1); b1 = madd(b, m1, b1);
    a2 = madd(a, m2, a2); b2 = madd(b, m2, b2); a3 = madd(a, m3, a3); b3 = madd(b, m3, b3);
    m += stride;
  }
  v128.store(out, a0); v128.store(out, a1, 16); v128.store(out, a2, 32); v128.store(out, a3, 48);
  v128.store(outB, b0); v128.store(outB, b1, 16); v128.store(outB, b2, 32); v128.store(outB, b3, 48);
}

function one16<T, Turn>(x: usize, end: usize, m: usize, stride: usize, out: usize, fresh: bool): void {
  let a0 = start(out, fresh), a1 = start(out + 16, fresh), a2 = start(out + 32, fresh), a3 = start(out + 48, fresh);
  for (; x < end; x += 4) {
    touch<T, Turn>(m, stride);
    const a = v128.load32_splat(x);
    a0 = madd(a, four0<T>(m), a0); a1 = madd(a, four1<T>(m), a1);
    a2 = madd(a, four2<T>(m), a2); a3 = madd(a, four3<T>(m), a3);
    m += stride;
  }
  v128.store(out, a0); v128.store(out, a1, 16); v128.store(out, a2, 32); v128.store(out, a3, 48);
}

function one4<T>(x: usize, end: usize, m: usize, stride: usize, out: usize, fresh: bool): void {
  let a = start(out, fresh);
  for (; x < end; x += 4) {
    a = madd(v128.load32_splat(x), four0<T>(m), a);
    m += stride;
  }
  v128.store(out, a);
}

// The same for any number of rows, n x a row and `bytes` of columns: of those before `needed`, and of some that follow,
// since it costs less to compute what nobody reads than to go on in smaller steps.
export function multiply<T>(
  rows: i32, n: i32, x: usize, rowBytes: usize, m: usize, bytes: usize, needed: usize, out: usize, outStride: usize, fresh: bool,
): void {
  const stride = kept<T>(bytes);
  for (let r = 0; r < rows; ) {
    const left = rows - r, together = left == 3 || left > 4 ? 3 : min(left, 2);
    const end = x + (<usize>n << 2);
    for (let j: usize = 0; j < needed; ) {
      const rest = bytes - j, from = m + kept<T>(j), to = out + j, isFirst = r == 0 && j == 0;
      if (together == 3 && rest >= 48 && rest != 64) {
        if (isFirst) three12<T, First>(x, end, rowBytes, from, stride, to, outStride, fresh);
        else three12<T, Later>(x, end, rowBytes, from, stride, to, outStride, fresh);
        j += 48;
      } else if (together == 3 && rest >= 32) {
        three8<T>(x, end, rowBytes, from, stride, to, outStride, fresh);
        j += 32;
      } else if (together == 2 && rest >= 64) {
        if (isFirst) two16<T, First>(x, end, rowBytes, from, stride, to, outStride, fresh);
        else two16<T, Later>(x, end, rowBytes, from, stride, to, outStride, fresh);
        j += 64;
      } else if (together == 1 && rest >= 64) {
        if (isFirst) one16<T, First>(x, end, from, stride, to, fresh);
        else one16<T, Later>(x, end, from, stride, to, fresh);
        j += 64;
      } else {
        for (let i = 0; i < together; i++) one4<T>(x + <usize>i * rowBytes, end + <usize>i * rowBytes, from, stride, to + <usize>i * outStride, fresh);
        j += 16;
      }
    }
    r += together;
    x += <usize>together * rowBytes;
    out += <usize>together * outStride;
  }
}

// Weights e^(scale · (score − max)) over [skipped, n) of `scores`; the rest up to a multiple of 4 becomes 0. Gives their
// sum.
export function softmax(scores: usize, skipped: i32, n: i32, scale: v128): f32 {
  const padded = (n + 3) & ~3;
  for (let i = 0; i < skipped; i++) store<f32>(scores + (<usize>i << 2), -Infinity);
  for (let i = n; i < padded; i++) store<f32>(scores + (<usize>i << 2), -Infinity);
  let max4 = f32x4.splat(-Infinity);
  let at = scores;
  const end = scores + (<usize>padded << 2);
  // What a loop's body computes anew from what never changes is moved before it where the loop ends with its condition.
  do {
    max4 = f32x4.pmax(max4, v128.load(at));
    at += 16;
  } while (at < end);
  const largest = f32x4.mul(laneMax4(max4), scale);
  let sum4 = f32x4.splat(0);
  at = scores;
  do {
    const weight = exp4(f32x4.sub(f32x4.mul(v128.load(at), scale), largest));
    v128.store(at, weight);
    sum4 = f32x4.add(sum4, weight);
    at += 16;
  } while (at < end);
  return laneSum(sum4);
}

// The first position of a row's scores: the page's in which its window begins.
// @ts-ignore: decorator
@inline
function baseOf(end: i32, window: i32, pageSize: i32): i32 {
  return window > 0 && end > window ? (end - window) / pageSize * pageSize : 0;
}

// Operands: q, blocks, heads, kv heads, head dim, page size (a multiple of 4), scale, window (0 = all), out, positions
// [T], page tables' starts a block, pages, keys, values, scores (a thread: rows of a block · heads · (stride + head dim · 4) bytes), stride
// of one head's scores in bytes, kv heads of a piece of work (all of them, or one), first rows of the blocks and their
// end, most rows of a block, bytes of a cached value
export function attentionJob(): void {
  if (operand(19) == 4) attend<f32>();
  else attend<u16>();
}

function attend<T>(): void {
  const q = address(0), blocks = operand(1), heads = operand(2), kvHeads = operand(3), headDim = operand(4);
  const pageSize = operand(5), window = operand(7), out = address(8), positions = address(9), tables = address(10);
  const pages = address(11), keys = address(12), values = address(13), stride = address(15), share = operand(16);
  const firstRows = address(17), rowScores = <usize>heads * stride;
  const scale = f32x4.splat(operandF32(6));
  const headBytes = <usize>headDim << 2, rowBytes = <usize>heads * headBytes;
  const blockBytes = kept<T>(headBytes * pageSize); // of one kv head in a page
  const group = heads / kvHeads, fits = fitsTiles(headDim, pageSize);
  const scores = address(14) + <usize>threadIndex() * (<usize>operand(18) * (rowScores + rowBytes));
  const shares = kvHeads / share;
  const pieces = blocks * shares;
  for (;;) {
    // The last rows have the most to see: they come first, so that no thread is left with a long one.
    const taken = take(0, 1);
    if (taken >= pieces) break;
    const piece = pieces - 1 - taken;
    // One kv head's blocks after another's, so that its keys and values stay in the second cache.
    const block = piece % blocks, kvFirst = piece / blocks * share, kvEnd = kvFirst + share;
    const headFirst = kvFirst * group, headEnd = kvEnd * group;
    const row = load<i32>(firstRows + (<usize>block << 2)), rows = load<i32>(firstRows + (<usize>block << 2), 4) - row;
    const table = pages + (<usize>load<i32>(tables + (<usize>block << 2)) << 2);
    const ends = positions + (<usize>row << 2);
    const query = q + <usize>row * rowBytes, result = out + <usize>row * rowBytes;
    const start = baseOf(load<i32>(ends) + 1, window, pageSize);
    const last = load<i32>(ends + (<usize>rows << 2) - 4) + 1;
    if (rows > 1 && fits && baseOf(last, window, pageSize) == start) {
      const begin = table + (<usize>(start / pageSize) << 2);
      for (let kvHead = kvFirst; kvHead < kvEnd; kvHead++) {
        const head = <usize>(kvHead * group) * headBytes, at = <usize>kvHead * blockBytes;
        attendBlock<T>(
          rows, group, headDim, pageSize, query + head, result + head, rowBytes, begin, keys + at, values + at, <usize>kvHeads * blockBytes,
          last - rows + 1 - start, window, start, scale, scores, stride,
        );
      }
      continue;
    }
    for (let from = start; from < last; from += pageSize) {
      const page = keys + <usize>(load<i32>(table + (<usize>(from / pageSize) << 2)) * kvHeads) * blockBytes;
      for (let kvHead = kvFirst; kvHead < kvEnd; kvHead++) {
        const key = page + <usize>kvHead * blockBytes;
        const head = <usize>(kvHead * group);
        for (let r = 0; r < rows; r++) {
          const end = load<i32>(ends + (<usize>r << 2)) + 1, base = baseOf(end, window, pageSize);
          if (from < base || from >= end) continue;
          const to = scores + <usize>r * rowScores + head * stride + (<usize>(from - base) << 2);
          const own = query + <usize>r * rowBytes + head * headBytes;
          const needed = <usize>min(pageSize, end - from) << 2;
          multiply<T>(group, headDim, own, headBytes, key, <usize>pageSize << 2, needed, to, stride, true);
        }
      }
    }
    for (let r = 0; r < rows; r++) {
      const end = load<i32>(ends + (<usize>r << 2)) + 1, base = baseOf(end, window, pageSize);
      const skipped = window > 0 && end > window ? end - window - base : 0;
      clear(result + <usize>r * rowBytes + <usize>headFirst * headBytes, <usize>(headEnd - headFirst) * headBytes);
      for (let head = headFirst; head < headEnd; head++) {
        const own = scores + <usize>r * rowScores + <usize>head * stride;
        store<f32>(own + stride - 16, 1 / softmax(own, skipped, end - base, scale));
      }
    }
    for (let from = start; from < last; from += pageSize) {
      const page = values + <usize>(load<i32>(table + (<usize>(from / pageSize) << 2)) * kvHeads) * blockBytes;
      for (let kvHead = kvFirst; kvHead < kvEnd; kvHead++) {
        const value = page + <usize>kvHead * blockBytes;
        const head = <usize>(kvHead * group);
        for (let r = 0; r < rows; r++) {
          const end = load<i32>(ends + (<usize>r << 2)) + 1, base = baseOf(end, window, pageSize);
          if (from < base || from >= end) continue;
          const weights = scores + <usize>r * rowScores + head * stride + (<usize>(from - base) << 2);
          const own = result + <usize>r * rowBytes + head * headBytes;
          multiply<T>(group, min(pageSize, end - from), weights, stride, value, headBytes, headBytes, own, headBytes, false);
        }
      }
    }
    for (let r = 0; r < rows; r++) {
      for (let head = headFirst; head < headEnd; head++) {
        const inverse = v128.load32_splat(scores + <usize>r * rowScores + <usize>head * stride + stride - 16);
        const own = result + <usize>r * rowBytes + <usize>head * headBytes;
        for (let at = own; at < own + headBytes; at += 16) v128.store(at, f32x4.mul(v128.load(at), inverse));
      }
    }
  }
}
