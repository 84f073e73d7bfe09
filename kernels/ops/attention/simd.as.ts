// Attention over a paged KV cache. A piece of work is one row and one kv head with its group of query heads, so that
// cached keys and values are read once for the group. Every score is one sum over headDim and every output one sum over
// positions, in an order that depends on the row's own position only: the same bits whatever rows stand beside it.
import { clear, exp4, laneMax, laneSum, madd } from '../../backends/simd/math.as';
import { address, operand, operandF32, take, threadIndex } from '../../backends/simd/pool.as';

// Lane i is the sum of the lanes of the i-th vector, (l0 + l1) + (l2 + l3).
// @ts-ignore: decorator
@inline
function laneSums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<i32>(a, b, 0, 4, 2, 6), v128.shuffle<i32>(a, b, 1, 5, 3, 7));
  const cd = f32x4.add(v128.shuffle<i32>(c, d, 0, 4, 2, 6), v128.shuffle<i32>(c, d, 1, 5, 3, 7));
  return f32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

// Scaled scores of one query at `quads` · 4 positions, whose keys lie `bytes` apart.
function scoreOne(query: usize, key: usize, bytes: usize, quads: i32, scale: v128, to: usize): void {
  for (let quad = 0; quad < quads; quad++) {
    let a = f32x4.splat(0), b = a, c = a, d = a;
    let k0 = key, k1 = key + bytes, k2 = k1 + bytes, k3 = k2 + bytes;
    for (let q = query, end = query + bytes; q < end; q += 16) {
      const x = v128.load(q);
      a = madd(x, v128.load(k0), a); b = madd(x, v128.load(k1), b);
      c = madd(x, v128.load(k2), c); d = madd(x, v128.load(k3), d);
      k0 += 16; k1 += 16; k2 += 16; k3 += 16;
    }
    v128.store(to, f32x4.mul(laneSums(a, b, c, d), scale));
    key += 4 * bytes;
    to += 16;
  }
}

// The same of two queries `bytes` apart, whose scores lie `stride` apart: every key is loaded once for both.
function scoreTwo(query: usize, key: usize, bytes: usize, quads: i32, scale: v128, to: usize, stride: usize): void {
  for (let quad = 0; quad < quads; quad++) {
    let a = f32x4.splat(0), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
    let k0 = key, k1 = key + bytes, k2 = k1 + bytes, k3 = k2 + bytes;
    for (let q = query, end = query + bytes; q < end; q += 16) {
      const x = v128.load(q), y = v128.load(q + bytes);
      const w0 = v128.load(k0), w1 = v128.load(k1), w2 = v128.load(k2), w3 = v128.load(k3);
      a = madd(x, w0, a); b = madd(x, w1, b); c = madd(x, w2, c); d = madd(x, w3, d);
      e = madd(y, w0, e); f = madd(y, w1, f); g = madd(y, w2, g); h = madd(y, w3, h);
      k0 += 16; k1 += 16; k2 += 16; k3 += 16;
    }
    v128.store(to, f32x4.mul(laneSums(a, b, c, d), scale));
    v128.store(to + stride, f32x4.mul(laneSums(e, f, g, h), scale));
    key += 4 * bytes;
    to += 16;
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
// tables [T], pages, keys, values, scores (a thread: group · stride bytes), stride of one head's scores in bytes
export function attentionJob(): void {
  const q = address(0), T = operand(1), heads = operand(2), kvHeads = operand(3), headDim = operand(4);
  const pageSize = operand(5), window = operand(7), out = address(8), positions = address(9), tables = address(10);
  const pages = address(11), keys = address(12), values = address(13), stride = address(15);
  const scale = f32x4.splat(operandF32(6));
  const headBytes = <usize>headDim << 2;
  const group = heads / kvHeads;
  const scores = address(14) + <usize>threadIndex() * (<usize>group * stride);
  const pieces = T * kvHeads;
  for (;;) {
    const piece = take(0, 1);
    if (piece >= pieces) break;
    const t = piece / kvHeads, kvHead = piece % kvHeads;
    const end = load<i32>(positions + (<usize>t << 2)) + 1;
    const first = window > 0 && end > window ? end - window : 0;
    const base = first & ~3; // scores lie from here on, four positions at a time
    const table = pages + (<usize>load<i32>(tables + (<usize>t << 2)) << 2);
    const query = q + <usize>(t * heads + kvHead * group) * headBytes;
    const result = out + <usize>(t * heads + kvHead * group) * headBytes;
    for (let position = base; position < end; ) {
      const inPage = position % pageSize;
      const stop = min(end, position - inPage + pageSize);
      const key = keys + <usize>((load<i32>(table + (<usize>(position / pageSize) << 2)) * kvHeads + kvHead) * pageSize + inPage) * headBytes;
      const quads = (stop - position + 3) >>> 2;
      const to = scores + (<usize>(position - base) << 2);
      let g = 0;
      for (; g + 2 <= group; g += 2) scoreTwo(query + <usize>g * headBytes, key, headBytes, quads, scale, to + <usize>g * stride, stride);
      if (g < group) scoreOne(query + <usize>g * headBytes, key, headBytes, quads, scale, to + <usize>g * stride);
      position = stop;
    }
    clear(result, <usize>group * headBytes);
    for (let g = 0; g < group; g++) {
      const sum = softmax(scores + <usize>g * stride, first - base, end - base);
      store<f32>(scores + <usize>g * stride + stride - 16, 1 / sum);
    }
    for (let position = base; position < end; ) {
      const inPage = position % pageSize;
      const stop = min(end, position - inPage + pageSize);
      const value = values + <usize>((load<i32>(table + (<usize>(position / pageSize) << 2)) * kvHeads + kvHead) * pageSize + inPage) * headBytes;
      for (let g = 0; g < group; g++) {
        addWeighted(result + <usize>g * headBytes, scores + <usize>g * stride + (<usize>(position - base) << 2), value, stop - position, headBytes);
      }
      position = stop;
    }
    for (let g = 0; g < group; g++) {
      const inverse = v128.load32_splat(scores + <usize>g * stride + stride - 16);
      for (let d: usize = 0; d < headBytes; d += 16) {
        const at = result + <usize>g * headBytes + d;
        v128.store(at, f32x4.mul(v128.load(at), inverse));
      }
    }
  }
}
