// Attention over a paged KV cache. A piece of work is one row and one kv head with its group of query heads, so that
// cached keys and values are read once for the group. Every score is one sum over headDim and every output one sum over
// positions, in an order that depends on the row's own position only: the same bits whatever rows stand beside it.
import { exp4, laneSum, madd } from '../../backends/simd/math.as';
import { address, operand, operandF32, take, threadIndex } from '../../backends/simd/pool.as';

// Four dot products of headDim values with four keys, `stride` bytes apart: their lane sums side by side.
// @ts-ignore: decorator
@inline
function dot4(query: usize, key: usize, stride: usize): v128 {
  let a = f32x4.splat(0), b = a, c = a, d = a;
  for (let at: usize = 0; at < stride; at += 16) {
    const x = v128.load(query + at);
    a = madd(x, v128.load(key + at), a);
    b = madd(x, v128.load(key + at + stride), b);
    c = madd(x, v128.load(key + at + 2 * stride), c);
    d = madd(x, v128.load(key + at + 3 * stride), d);
  }
  // Transposed, then added: lane i is the sum of the lanes of the i-th product, (l0 + l1) + (l2 + l3).
  const ab0 = v128.shuffle<i32>(a, b, 0, 4, 2, 6), ab1 = v128.shuffle<i32>(a, b, 1, 5, 3, 7);
  const cd0 = v128.shuffle<i32>(c, d, 0, 4, 2, 6), cd1 = v128.shuffle<i32>(c, d, 1, 5, 3, 7);
  const ab = f32x4.add(ab0, ab1), cd = f32x4.add(cd0, cd1);
  return f32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
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
  for (let i = 0; i < padded; i += 4) max4 = f32x4.max(max4, v128.load(scores + (<usize>i << 2)));
  const largest = f32x4.splat(max(
    max(f32x4.extract_lane(max4, 0), f32x4.extract_lane(max4, 1)), max(f32x4.extract_lane(max4, 2), f32x4.extract_lane(max4, 3))));
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
      for (let g = 0; g < group; g++) {
        let k = key;
        let to = scores + <usize>g * stride + (<usize>(position - base) << 2);
        for (let p = position; p < stop; p += 4) {
          v128.store(to, f32x4.mul(dot4(query + <usize>g * headBytes, k, headBytes), scale));
          k += 4 * headBytes;
          to += 16;
        }
      }
      position = stop;
    }
    memory.fill(result, 0, <usize>group * headBytes);
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
