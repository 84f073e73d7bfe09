// Attention over a paged KV cache. A piece of work is a row with the query heads of one or all kv heads, so that cached
// keys and values are read once for a group, and in the order in which they lie. Every score is one sum over headDim and every output one sum over
// positions, in an order that depends on the row's own position only: the same bits whatever rows stand beside it.
import { clear, exp4, laneMax, laneSum, madd } from '../../backends/simd/math.as';
import { address, operand, operandF32, take, threadIndex } from '../../backends/simd/pool.as';

// Dot products of two queries `bytes` apart with 16 positions, whose keys lie side by side dimension by dimension,
// `stride` apart: out and out + outStride. Each is one sum over headDim in its order.
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

// The same of one query, even and odd dimensions apart, so that enough sums are under way at a time.
function scoreOne16(query: usize, bytes: usize, key: usize, stride: usize, scale: v128, out: usize): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  for (let q = query, end = query + bytes; q < end; q += 8) {
    const x = v128.load32_splat(q), y = v128.load32_splat(q, 4);
    const odd = key + stride;
    a0 = madd(x, v128.load(key), a0); a1 = madd(x, v128.load(key, 16), a1);
    a2 = madd(x, v128.load(key, 32), a2); a3 = madd(x, v128.load(key, 48), a3);
    b0 = madd(y, v128.load(odd), b0); b1 = madd(y, v128.load(odd, 16), b1);
    b2 = madd(y, v128.load(odd, 32), b2); b3 = madd(y, v128.load(odd, 48), b3);
    key = odd + stride;
  }
  v128.store(out, f32x4.mul(f32x4.add(a0, b0), scale)); v128.store(out, f32x4.mul(f32x4.add(a1, b1), scale), 16);
  v128.store(out, f32x4.mul(f32x4.add(a2, b2), scale), 32); v128.store(out, f32x4.mul(f32x4.add(a3, b3), scale), 48);
}

// Both for 4 positions: the same sums, for what is left of a page.
function scoreTwo4(query: usize, bytes: usize, key: usize, stride: usize, scale: v128, out: usize, outStride: usize): void {
  let a = f32x4.splat(0), b = a;
  for (let q = query, end = query + bytes; q < end; q += 4) {
    const k = v128.load(key);
    a = madd(v128.load32_splat(q), k, a);
    b = madd(v128.load32_splat(q + bytes), k, b);
    key += stride;
  }
  v128.store(out, f32x4.mul(a, scale));
  v128.store(out + outStride, f32x4.mul(b, scale));
}

function scoreOne4(query: usize, bytes: usize, key: usize, stride: usize, scale: v128, out: usize): void {
  let a = f32x4.splat(0), b = a;
  for (let q = query, end = query + bytes; q < end; q += 8) {
    a = madd(v128.load32_splat(q), v128.load(key), a);
    b = madd(v128.load32_splat(q, 4), v128.load(key + stride), b);
    key += 2 * stride;
  }
  v128.store(out, f32x4.mul(f32x4.add(a, b), scale));
}

// Scaled scores of a group of queries at `count` (a multiple of 4) positions of a page.
function scorePage(query: usize, bytes: usize, group: i32, key: usize, pageBytes: usize, count: i32, scale: v128, out: usize, outStride: usize): void {
  for (let i = 0; i < count; ) {
    const k = key + (<usize>i << 2), o = out + (<usize>i << 2);
    const whole = count - i >= 16;
    let g = 0;
    for (; g + 2 <= group; g += 2) {
      const q = query + <usize>g * bytes, to = o + <usize>g * outStride;
      if (whole) scoreTwo16(q, bytes, k, pageBytes, scale, to, outStride);
      else scoreTwo4(q, bytes, k, pageBytes, scale, to, outStride);
    }
    if (g < group) {
      const q = query + <usize>g * bytes, to = o + <usize>g * outStride;
      if (whole) scoreOne16(q, bytes, k, pageBytes, scale, to);
      else scoreOne4(q, bytes, k, pageBytes, scale, to);
    }
    i += whole ? 16 : 4;
  }
}

// out += Σ weight[i] · value[i] over `count` positions of a page, headDim in registers 32 (then 4) at a time.
function addWeighted(out: usize, weights: usize, value: usize, count: i32, headBytes: usize): void {
  let d: usize = 0;
  for (; d + 128 <= headBytes; d += 128) {
    const o = out + d;
    let a0 = v128.load(o), a1 = v128.load(o, 16), a2 = v128.load(o, 32), a3 = v128.load(o, 48);
    let a4 = v128.load(o, 64), a5 = v128.load(o, 80), a6 = v128.load(o, 96), a7 = v128.load(o, 112);
    let v = value + d;
    for (let i = 0; i < count; i++) {
      const w = v128.load32_splat(weights + (<usize>i << 2));
      a0 = madd(w, v128.load(v), a0); a1 = madd(w, v128.load(v, 16), a1);
      a2 = madd(w, v128.load(v, 32), a2); a3 = madd(w, v128.load(v, 48), a3);
      a4 = madd(w, v128.load(v, 64), a4); a5 = madd(w, v128.load(v, 80), a5);
      a6 = madd(w, v128.load(v, 96), a6); a7 = madd(w, v128.load(v, 112), a7);
      v += headBytes;
    }
    v128.store(o, a0); v128.store(o, a1, 16); v128.store(o, a2, 32); v128.store(o, a3, 48);
    v128.store(o, a4, 64); v128.store(o, a5, 80); v128.store(o, a6, 96); v128.store(o, a7, 112);
  }
  for (; d < headBytes; d += 16) {
    let a = v128.load(out + d);
    let v = value + d;
    for (let i = 0; i < count; i++) {
      a = madd(v128.load32_splat(weights + (<usize>i << 2)), v128.load(v), a);
      v += headBytes;
    }
    v128.store(out + d, a);
  }
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

// Operands: q, T, heads, kv heads, head dim, page size (a multiple of 4), scale, window (0 = all), out, positions [T],
// tables [T], pages, keys, values, scores (a thread: heads · stride bytes), stride of one head's scores in bytes, kv
// heads of a piece of work (all of them: pages are read through; one: a single row is shared among threads)
export function attentionJob(): void {
  const q = address(0), T = operand(1), heads = operand(2), kvHeads = operand(3), headDim = operand(4);
  const pageSize = operand(5), window = operand(7), out = address(8), positions = address(9), tables = address(10);
  const pages = address(11), keys = address(12), values = address(13), stride = address(15), share = operand(16);
  const scale = f32x4.splat(operandF32(6));
  const headBytes = <usize>headDim << 2;
  const blockBytes = headBytes * pageSize; // of one kv head in a page
  const group = heads / kvHeads;
  const scores = address(14) + <usize>threadIndex() * (<usize>heads * stride);
  const shares = kvHeads / share;
  const pieces = T * shares;
  for (;;) {
    const piece = take(0, 1);
    if (piece >= pieces) break;
    const t = piece / shares, kvFirst = (piece % shares) * share, kvEnd = kvFirst + share;
    const headFirst = kvFirst * group, headEnd = kvEnd * group;
    const end = load<i32>(positions + (<usize>t << 2)) + 1;
    const first = window > 0 && end > window ? end - window : 0;
    const base = first & ~3; // scores lie from here on, four positions at a time
    const table = pages + (<usize>load<i32>(tables + (<usize>t << 2)) << 2);
    const query = q + <usize>(t * heads) * headBytes;
    const result = out + <usize>(t * heads) * headBytes;
    for (let position = base; position < end; ) {
      const inPage = position % pageSize;
      const stop = min(end, position - inPage + pageSize);
      const page = keys + <usize>(load<i32>(table + (<usize>(position / pageSize) << 2)) * kvHeads) * blockBytes;
      const to = scores + (<usize>(position - base) << 2);
      const count = (stop - position + 3) & ~3;
      for (let kvHead = kvFirst; kvHead < kvEnd; kvHead++) {
        const key = page + <usize>kvHead * blockBytes + (<usize>inPage << 2);
        const head = <usize>(kvHead * group);
        scorePage(query + head * headBytes, headBytes, group, key, <usize>pageSize << 2, count, scale, to + head * stride, stride);
      }
      position = stop;
    }
    clear(result + <usize>headFirst * headBytes, <usize>(headEnd - headFirst) * headBytes);
    for (let head = headFirst; head < headEnd; head++) {
      const own = scores + <usize>head * stride;
      const sum = softmax(own, first - base, end - base);
      store<f32>(own + stride - 16, 1 / sum);
    }
    for (let position = base; position < end; ) {
      const inPage = position % pageSize;
      const stop = min(end, position - inPage + pageSize);
      const page = values + <usize>(load<i32>(table + (<usize>(position / pageSize) << 2)) * kvHeads) * blockBytes;
      for (let head = headFirst; head < headEnd; head++) {
        const value = page + <usize>(head / group) * blockBytes + <usize>inPage * headBytes;
        addWeighted(result + <usize>head * headBytes, scores + <usize>head * stride + (<usize>(position - base) << 2), value, stop - position, headBytes);
      }
      position = stop;
    }
    for (let head = headFirst; head < headEnd; head++) {
      const inverse = v128.load32_splat(scores + <usize>head * stride + stride - 16);
      for (let d: usize = 0; d < headBytes; d += 16) {
        const at = result + <usize>head * headBytes + d;
        v128.store(at, f32x4.mul(v128.load(at), inverse));
      }
    }
  }
}
