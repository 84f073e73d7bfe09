// Attention over a paged KV cache on 128-bit SIMD (AssemblyScript; see index.ts for the op and reference.ts for its meaning).
// Every score is one sum over headDim and every output one sum over positions, in one order that depends on the row's
// own position only: results are bit-identical whatever rows stand beside it.

// e^x for x ≤ 0: 2^n · p(r) with the Cephes polynomial (expf), below 1e-7 relative; flushes to 0 under −87.
// @ts-ignore: decorator
@inline
function exp4(x: v128): v128 {
  const lowest = f32x4.splat(-87.0);
  const under = f32x4.lt(x, lowest);
  const n = f32x4.nearest(f32x4.mul(f32x4.max(x, lowest), f32x4.splat(1.44269504)));
  let r = f32x4.sub(f32x4.max(x, lowest), f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let p = f32x4.splat(1.9875691500e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(p, r), r), r), f32x4.splat(1.0));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return v128.andnot(f32x4.mul(p, power), under);
}

// Writes keys and values of T rows [T, kvHeads * headDim] to their slots.
export function append(T: i32, kvHeads: i32, headDim: i32, pageSize: i32, k: usize, v: usize, slots: usize, keys: usize, values: usize): void {
  const bytes = <usize>headDim << 2;
  for (let t = 0; t < T; t++) {
    const slot = load<i32>(slots + (<usize>t << 2));
    for (let h = 0; h < kvHeads; h++) {
      const to = <usize>(((slot / pageSize) * kvHeads + h) * pageSize + (slot % pageSize)) * bytes;
      const from = <usize>(t * kvHeads + h) * bytes;
      memory.copy(keys + to, k + from, bytes);
      memory.copy(values + to, v + from, bytes);
    }
  }
}

// out[T, heads * headDim]; `scores` holds the scores of one head over all positions (a multiple of 4 floats).
export function attend(
  T: i32, heads: i32, kvHeads: i32, headDim: i32, pageSize: i32, scale: f32, window: i32,
  q: usize, out: usize, positions: usize, tables: usize, pages: usize, keys: usize, values: usize, scores: usize,
): void {
  const headBytes = <usize>headDim << 2;
  const group = heads / kvHeads;
  for (let t = 0; t < T; t++) {
    const end = load<i32>(positions + (<usize>t << 2)) + 1;
    const first = window > 0 && end > window ? end - window : 0;
    const table = pages + (<usize>load<i32>(tables + (<usize>t << 2)) << 2);
    for (let head = 0; head < heads; head++) {
      const kvHead = head / group;
      const query = q + <usize>(t * heads + head) * headBytes;
      const result = out + <usize>(t * heads + head) * headBytes;
      const n = end - first;
      // 1. scores, and their maximum
      let max: f32 = -Infinity;
      for (let position = first; position < end; ) {
        const inPage = position % pageSize;
        const stop = min(end, position - inPage + pageSize);
        let key = keys + <usize>((load<i32>(table + (<usize>(position / pageSize) << 2)) * kvHeads + kvHead) * pageSize + inPage) * headBytes;
        for (; position < stop; position++) {
          let a = f32x4.splat(0), b = f32x4.splat(0);
          let d: usize = 0;
          for (; d + 32 <= headBytes; d += 32) {
            a = f32x4.add(a, f32x4.mul(v128.load(query + d), v128.load(key + d)));
            b = f32x4.add(b, f32x4.mul(v128.load(query + d, 16), v128.load(key + d, 16)));
          }
          if (d < headBytes) a = f32x4.add(a, f32x4.mul(v128.load(query + d), v128.load(key + d)));
          a = f32x4.add(a, b);
          const score = ((f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 1)) + (f32x4.extract_lane(a, 2) + f32x4.extract_lane(a, 3))) * scale;
          store<f32>(scores + (<usize>(position - first) << 2), score);
          if (score > max) max = score;
          key += headBytes;
        }
      }
      // 2. weights e^(score − max) and their sum; the tail of the last vector is padded with −∞
      const padded = (n + 3) & ~3;
      for (let i = n; i < padded; i++) store<f32>(scores + (<usize>i << 2), -Infinity);
      const max4 = f32x4.splat(max);
      let sum4 = f32x4.splat(0);
      for (let i = 0; i < padded; i += 4) {
        const at = scores + (<usize>i << 2);
        const weight = exp4(f32x4.sub(v128.load(at), max4));
        v128.store(at, weight);
        sum4 = f32x4.add(sum4, weight);
      }
      const inverse = f32x4.splat(<f32>1.0 / ((f32x4.extract_lane(sum4, 0) + f32x4.extract_lane(sum4, 1)) + (f32x4.extract_lane(sum4, 2) + f32x4.extract_lane(sum4, 3))));
      // 3. weighted sum of values, 32 (then 4) components at a time in registers
      let d: usize = 0;
      for (; d + 128 <= headBytes; d += 128) {
        let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
        let a4 = f32x4.splat(0), a5 = f32x4.splat(0), a6 = f32x4.splat(0), a7 = f32x4.splat(0);
        for (let position = first; position < end; ) {
          const inPage = position % pageSize;
          const stop = min(end, position - inPage + pageSize);
          let value = d + values + <usize>((load<i32>(table + (<usize>(position / pageSize) << 2)) * kvHeads + kvHead) * pageSize + inPage) * headBytes;
          for (; position < stop; position++) {
            const weight = v128.load32_splat(scores + (<usize>(position - first) << 2));
            a0 = f32x4.add(a0, f32x4.mul(weight, v128.load(value)));
            a1 = f32x4.add(a1, f32x4.mul(weight, v128.load(value, 16)));
            a2 = f32x4.add(a2, f32x4.mul(weight, v128.load(value, 32)));
            a3 = f32x4.add(a3, f32x4.mul(weight, v128.load(value, 48)));
            a4 = f32x4.add(a4, f32x4.mul(weight, v128.load(value, 64)));
            a5 = f32x4.add(a5, f32x4.mul(weight, v128.load(value, 80)));
            a6 = f32x4.add(a6, f32x4.mul(weight, v128.load(value, 96)));
            a7 = f32x4.add(a7, f32x4.mul(weight, v128.load(value, 112)));
            value += headBytes;
          }
        }
        const to = result + d;
        v128.store(to, f32x4.mul(a0, inverse));
        v128.store(to, f32x4.mul(a1, inverse), 16);
        v128.store(to, f32x4.mul(a2, inverse), 32);
        v128.store(to, f32x4.mul(a3, inverse), 48);
        v128.store(to, f32x4.mul(a4, inverse), 64);
        v128.store(to, f32x4.mul(a5, inverse), 80);
        v128.store(to, f32x4.mul(a6, inverse), 96);
        v128.store(to, f32x4.mul(a7, inverse), 112);
      }
      for (; d < headBytes; d += 16) {
        let a = f32x4.splat(0);
        for (let position = first; position < end; position++) {
          const value = d + values + <usize>((load<i32>(table + (<usize>(position / pageSize) << 2)) * kvHeads + kvHead) * pageSize + position % pageSize) * headBytes;
          a = f32x4.add(a, f32x4.mul(v128.load32_splat(scores + (<usize>(position - first) << 2)), v128.load(value)));
        }
        v128.store(result + d, f32x4.mul(a, inverse));
      }
    }
  }
}
