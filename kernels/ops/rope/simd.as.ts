// Per-head norms of queries and keys, rotation, and the append of keys and values to the paged cache, row by row.
import { copy } from '../../backends/simd/math.as';
import { normRow } from '../rms-norm/simd.as';
import { address, operand, operandF32, take, threadBuffer, threadCount } from '../../backends/simd/pool.as';

// Rotates the pairs (i, i + headDim/2) of one head from x to y, which may be the same.
function rotate(x: usize, y: usize, half: i32, cos: usize, sin: usize): void {
  const high = <usize>half << 2;
  let i = 0;
  for (; i + 4 <= half; i += 4) {
    const at = <usize>i << 2;
    const a = v128.load(x + at), b = v128.load(x + high + at), c = v128.load(cos + at), s = v128.load(sin + at);
    v128.store(y + at, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
    v128.store(y + high + at, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
  }
  for (; i < half; i++) {
    const at = <usize>i << 2;
    const a = load<f32>(x + at), b = load<f32>(x + high + at), c = load<f32>(cos + at), s = load<f32>(sin + at);
    store<f32>(y + at, a * c - b * s);
    store<f32>(y + high + at, b * c + a * s);
  }
}

// The nearest bfloat16, ties to even.
// @ts-ignore: decorator
@inline
function bf16(value: f32): u16 {
  const bits = reinterpret<u32>(value);
  return <u16>((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
}

// Stores h floats, as float32 or bfloat16 (T = u16), `step` values apart.
function append<T>(from: usize, h: i32, to: usize, step: i32): void {
  for (let i = 0; i < h; i++) {
    const value = load<f32>(from + (<usize>i << 2));
    if (sizeof<T>() == 4) store<f32>(to, value);
    else store<u16>(to, bf16(value));
    to += <usize>step * sizeof<T>();
  }
}

// Operands: qkv [T, (H + 2G) · h], T, H, G, h, cos, sin [T, h/2], q norm, k norm (0 = none), epsilon, q out [T, H · h],
// slots [T], page size, keys, values (0 = q and k are rotated, nothing is appended: then G = 0), bytes of a cached value
export function ropeAppendJob(): void {
  if (operand(15) == 4) ropeAppend<f32>();
  else ropeAppend<u16>();
}

function ropeAppend<T>(): void {
  const qkv = address(0), T = operand(1), H = operand(2), G = operand(3), h = operand(4);
  const cos = address(5), sin = address(6), qNorm = address(7), kNorm = address(8), epsilon = operandF32(9);
  const q = address(10), slots = address(11), pageSize = operand(12), keys = address(13), values = address(14);
  const half = h >>> 1;
  const bytes = <usize>h << 2;
  // Keys of neighbouring tokens share cache lines: a thread takes many that follow each other.
  const together = max(1, min(pageSize, T / (2 * threadCount())));
  for (let t = 0, end = 0; ; t++) {
    if (t == end) {
      t = take(0, together);
      if (t >= T) break;
      end = min(T, t + together);
    }
    const row = qkv + <usize>t * <usize>(H + 2 * G) * bytes;
    const c = cos + <usize>t * (<usize>half << 2), s = sin + <usize>t * (<usize>half << 2);
    for (let head = 0; head < H; head++) {
      const from = row + <usize>head * bytes;
      const to = q + <usize>(t * H + head) * bytes;
      if (qNorm != 0) {
        normRow(from, qNorm, h, epsilon, to);
        rotate(to, to, half, c, s);
      } else rotate(from, to, half, c, s);
    }
    if (G == 0) continue;
    const slot = load<i32>(slots + (<usize>t << 2));
    const page = slot / pageSize, inPage = slot % pageSize;
    for (let head = 0; head < G; head++) {
      const block = <usize>((page * G + head) * pageSize * h) * sizeof<T>();
      const from = row + <usize>(H + head) * bytes;
      const key = threadBuffer();
      if (kNorm != 0) {
        normRow(from, kNorm, h, epsilon, key);
        rotate(key, key, half, c, s);
      } else rotate(from, key, half, c, s);
      append<T>(key, h, keys + block + <usize>inPage * sizeof<T>(), pageSize);
      const value = row + <usize>(H + G + head) * bytes, to = values + block + <usize>(inPage * h) * sizeof<T>();
      if (sizeof<T>() == 4) copy(to, value, bytes);
      else append<T>(value, h, to, 1);
    }
  }
}
