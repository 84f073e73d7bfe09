// Attention over a paged KV cache. A piece of work is a block of rows that follow each other in one sequence, with the
// query heads of all kv heads, so that keys and values are read in the order in which they lie, and a page stays in the
// first cache for all that need it; where rows are few, kv heads are shared among the threads. Every score is one sum over headDim and every output one sum over
// positions, in an order that depends on the row's own position only: the same bits whatever rows stand beside it.
import { clear, exp4, laneMax, laneSum, madd } from '../../backends/simd/math.as';
import { address, operand, operandF32, take, threadIndex } from '../../backends/simd/pool.as';

// Dot products of two queries `bytes` apart with 16 positions, whose keys lie side by side dimension by dimension,
// `stride` apart: out and out + outStride. Each is one sum over headDim in its order, here as in all that follow.
function scoreTwo16(query: usize, bytes: usize, key: usize, stride: usize, scale: v128, out: usize, outStride: usize): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  for (let q = query, end = query + bytes; q < end; q += 4) {
    const x = v128.load32_splat(q), y = v128.load32_splat(q + bytes);
    const k0 = v128.load(key), k1 = v128.load(key, 16), k2 = v128.load(key, 32), k3 = v128.load(key, 48);
    a0 = madd(x, k0, a0); b0 = madd(y, k0, b0); a1 = madd(x, k1, a1); b1 = madd(y, k1, b1);
    a2 = madd(x, k2, a2); b2 = madd(y, k2, b2); a3 = madd(x, k3, a3); b3 = madd(y, k3, b3);
    key += stride;
  }
  v128.store(out, f32x4.mul(a0, scale)); v128.store(out, f32x4.mul(a1, scale), 16);
  v128.store(out, f32x4.mul(a2, scale), 32); v128.store(out, f32x4.mul(a3, scale), 48);
  const other = out + outStride;
  v128.store(other, f32x4.mul(b0, scale)); v128.store(other, f32x4.mul(b1, scale), 16);
  v128.store(other, f32x4.mul(b2, scale), 32); v128.store(other, f32x4.mul(b3, scale), 48);
}

// One query, 32 positions: as many sums under way at a time.
function scoreOne32(query: usize, bytes: usize, key: usize, stride: usize, scale: v128, out: usize): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
  for (let q = query, end = query + bytes; q < end; q += 4) {
    const x = v128.load32_splat(q);
    a0 = madd(x, v128.load(key), a0); a1 = madd(x, v128.load(key, 16), a1);
    a2 = madd(x, v128.load(key, 32), a2); a3 = madd(x, v128.load(key, 48), a3);
    a4 = madd(x, v128.load(key, 64), a4); a5 = madd(x, v128.load(key, 80), a5);
    a6 = madd(x, v128.load(key, 96), a6); a7 = madd(x, v128.load(key, 112), a7);
    key += stride;
  }
  v128.store(out, f32x4.mul(a0, scale)); v128.store(out, f32x4.mul(a1, scale), 16);
  v128.store(out, f32x4.mul(a2, scale), 32); v128.store(out, f32x4.mul(a3, scale), 48);
  v128.store(out, f32x4.mul(a4, scale), 64); v128.store(out, f32x4.mul(a5, scale), 80);
  v128.store(out, f32x4.mul(a6, scale), 96); v128.store(out, f32x4.mul(a7, scale), 112);
}

// One query, 4 positions: what is left.
function scoreOne4(query: usize, bytes: usize, key: usize, stride: usize, scale: v128, out: usize): void {
  let a = f32x4.splat(0);
  for (let q = query, end = query + bytes; q < end; q += 4) {
    a = madd(v128.load32_splat(q), v128.load(key), a);
    key += stride;
  }
  v128.store(out, f32x4.mul(a, scale));
}

// Scaled scores of a group of queries at the first `count` positions of a page, and at some that follow: it costs less
// to score what nobody may see than to go on in smaller steps.
function scorePage(query: usize, bytes: usize, group: i32, key: usize, pageSize: i32, count: i32, scale: v128, out: usize, outStride: usize): void {
  const stride = <usize>pageSize << 2;
  let g = 0;
  for (; g + 2 <= group; g += 2) {
    const q = query + <usize>g * bytes, o = out + <usize>g * outStride;
    let i = 0;
    for (; i < count && i + 16 <= pageSize; i += 16) scoreTwo16(q, bytes, key + (<usize>i << 2), stride, scale, o + (<usize>i << 2), outStride);
    for (; i < count; i += 4) {
      scoreOne4(q, bytes, key + (<usize>i << 2), stride, scale, o + (<usize>i << 2));
      scoreOne4(q + bytes, bytes, key + (<usize>i << 2), stride, scale, o + outStride + (<usize>i << 2));
    }
  }
  if (g == group) return;
  const q = query + <usize>g * bytes, o = out + <usize>g * outStride;
  let i = 0;
  for (; i < count && i + 32 <= pageSize; i += 32) scoreOne32(q, bytes, key + (<usize>i << 2), stride, scale, o + (<usize>i << 2));
  for (; i < count; i += 4) scoreOne4(q, bytes, key + (<usize>i << 2), stride, scale, o + (<usize>i << 2));
}

// out += Σ weight[i] · value[i] over `count` positions of a page, for two queries and 16 dimensions.
function addTwo(out: usize, outStride: usize, weights: usize, weightStride: usize, value: usize, count: i32, stride: usize): void {
  const other = out + outStride;
  let a0 = v128.load(out), a1 = v128.load(out, 16), a2 = v128.load(out, 32), a3 = v128.load(out, 48);
  let b0 = v128.load(other), b1 = v128.load(other, 16), b2 = v128.load(other, 32), b3 = v128.load(other, 48);
  for (let w = weights, end = weights + (<usize>count << 2); w < end; w += 4) {
    const x = v128.load32_splat(w), y = v128.load32_splat(w + weightStride);
    const v0 = v128.load(value), v1 = v128.load(value, 16), v2 = v128.load(value, 32), v3 = v128.load(value, 48);
    a0 = madd(x, v0, a0); b0 = madd(y, v0, b0); a1 = madd(x, v1, a1); b1 = madd(y, v1, b1);
    a2 = madd(x, v2, a2); b2 = madd(y, v2, b2); a3 = madd(x, v3, a3); b3 = madd(y, v3, b3);
    value += stride;
  }
  v128.store(out, a0); v128.store(out, a1, 16); v128.store(out, a2, 32); v128.store(out, a3, 48);
  v128.store(other, b0); v128.store(other, b1, 16); v128.store(other, b2, 32); v128.store(other, b3, 48);
}

// The same for one query: 32 dimensions, then 4 at a time.
function addOne(out: usize, weights: usize, value: usize, count: i32, headBytes: usize): void {
  let d: usize = 0;
  for (; d + 128 <= headBytes; d += 128) {
    const o = out + d;
    let a0 = v128.load(o), a1 = v128.load(o, 16), a2 = v128.load(o, 32), a3 = v128.load(o, 48);
    let a4 = v128.load(o, 64), a5 = v128.load(o, 80), a6 = v128.load(o, 96), a7 = v128.load(o, 112);
    let v = value + d;
    for (let w = weights, end = weights + (<usize>count << 2); w < end; w += 4) {
      const x = v128.load32_splat(w);
      a0 = madd(x, v128.load(v), a0); a1 = madd(x, v128.load(v, 16), a1);
      a2 = madd(x, v128.load(v, 32), a2); a3 = madd(x, v128.load(v, 48), a3);
      a4 = madd(x, v128.load(v, 64), a4); a5 = madd(x, v128.load(v, 80), a5);
      a6 = madd(x, v128.load(v, 96), a6); a7 = madd(x, v128.load(v, 112), a7);
      v += headBytes;
    }
    v128.store(o, a0); v128.store(o, a1, 16); v128.store(o, a2, 32); v128.store(o, a3, 48);
    v128.store(o, a4, 64); v128.store(o, a5, 80); v128.store(o, a6, 96); v128.store(o, a7, 112);
  }
  for (; d < headBytes; d += 16) addOne4(out + d, weights, value + d, count, headBytes);
}

function addOne4(out: usize, weights: usize, value: usize, count: i32, stride: usize): void {
  let a = v128.load(out);
  for (let w = weights, end = weights + (<usize>count << 2); w < end; w += 4) {
    a = madd(v128.load32_splat(w), v128.load(value), a);
    value += stride;
  }
  v128.store(out, a);
}

// Adds a page's values to the outputs of a group of queries.
function addPage(out: usize, headBytes: usize, group: i32, weights: usize, weightStride: usize, value: usize, count: i32): void {
  let g = 0;
  for (; g + 2 <= group; g += 2) {
    const o = out + <usize>g * headBytes, w = weights + <usize>g * weightStride;
    let d: usize = 0;
    for (; d + 64 <= headBytes; d += 64) addTwo(o + d, headBytes, w, weightStride, value + d, count, headBytes);
    for (; d < headBytes; d += 16) {
      addOne4(o + d, w, value + d, count, headBytes);
      addOne4(o + headBytes + d, w + weightStride, value + d, count, headBytes);
    }
  }
  if (g < group) addOne(out + <usize>g * headBytes, weights + <usize>g * weightStride, value, count, headBytes);
}

// Weights e^(score − max) over [skipped, n) of `scores`; the rest up to a multiple of 4 becomes 0. Gives their sum.
function softmax(scores: usize, skipped: i32, n: i32): f32 {
  const padded = (n + 3) & ~3;
  for (let i = 0; i < skipped; i++) store<f32>(scores + (<usize>i << 2), -Infinity);
  for (let i = n; i < padded; i++) store<f32>(scores + (<usize>i << 2), -Infinity);
  let max4 = f32x4.splat(-Infinity);
  for (let i = 0; i < padded; i += 4) max4 = f32x4.pmax(max4, v128.load(scores + (<usize>i << 2)));
  const largest = f32x4.splat(laneMax(max4));
  let sum4 = f32x4.splat(0);
  for (let i = 0; i < padded; i += 4) {
    const at = scores + (<usize>i << 2);
    const weight = exp4(f32x4.sub(v128.load(at), largest));
    v128.store(at, weight);
    sum4 = f32x4.add(sum4, weight);
  }
  return laneSum(sum4);
}

// The first position of a row's scores: the page's in which its window begins.
// @ts-ignore: decorator
@inline
function baseOf(end: i32, window: i32, pageSize: i32): i32 {
  return window > 0 && end > window ? (end - window) / pageSize * pageSize : 0;
}

// Operands: q, blocks, heads, kv heads, head dim, page size (a multiple of 4), scale, window (0 = all), out, positions
// [T], page tables' starts a block, pages, keys, values, scores (a thread: rows of a block · heads · stride bytes), stride
// of one head's scores in bytes, kv heads of a piece of work (all of them, or one), first rows of the blocks and their end
export function attentionJob(): void {
  const q = address(0), blocks = operand(1), heads = operand(2), kvHeads = operand(3), headDim = operand(4);
  const pageSize = operand(5), window = operand(7), out = address(8), positions = address(9), tables = address(10);
  const pages = address(11), keys = address(12), values = address(13), stride = address(15), share = operand(16);
  const firstRows = address(17), rowScores = <usize>heads * stride;
  const scale = f32x4.splat(operandF32(6));
  const headBytes = <usize>headDim << 2, rowBytes = <usize>heads * headBytes;
  const blockBytes = headBytes * pageSize; // of one kv head in a page
  const group = heads / kvHeads;
  const scores = address(14) + <usize>threadIndex() * (<usize>operand(18) * rowScores);
  const shares = kvHeads / share;
  const pieces = blocks * shares;
  for (;;) {
    // The last rows have the most to see: they come first, so that no thread is left with a long one.
    const taken = take(0, 1);
    if (taken >= pieces) break;
    const piece = pieces - 1 - taken;
    const block = piece / shares, kvFirst = (piece % shares) * share, kvEnd = kvFirst + share;
    const headFirst = kvFirst * group, headEnd = kvEnd * group;
    const row = load<i32>(firstRows + (<usize>block << 2)), rows = load<i32>(firstRows + (<usize>block << 2), 4) - row;
    const table = pages + (<usize>load<i32>(tables + (<usize>block << 2)) << 2);
    const ends = positions + (<usize>row << 2);
    const query = q + <usize>row * rowBytes, result = out + <usize>row * rowBytes;
    const start = baseOf(load<i32>(ends) + 1, window, pageSize);
    const last = load<i32>(ends + (<usize>rows << 2) - 4) + 1;
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
          scorePage(own, headBytes, group, key, pageSize, min(pageSize, end - from), scale, to, stride);
        }
      }
    }
    for (let r = 0; r < rows; r++) {
      const end = load<i32>(ends + (<usize>r << 2)) + 1, base = baseOf(end, window, pageSize);
      const skipped = window > 0 && end > window ? end - window - base : 0;
      clear(result + <usize>r * rowBytes + <usize>headFirst * headBytes, <usize>(headEnd - headFirst) * headBytes);
      for (let head = headFirst; head < headEnd; head++) {
        const own = scores + <usize>r * rowScores + <usize>head * stride;
        store<f32>(own + stride - 16, 1 / softmax(own, skipped, end - base));
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
          addPage(own, headBytes, group, weights, stride, value, min(pageSize, end - from));
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
