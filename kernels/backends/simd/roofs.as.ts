// Micro-kernels that measure the machine's limits with the same threads and memory as the ops.
import { exp4, laneSum, madd } from './math.as';
import { address, everyone, operand, operandF32, take, threadBuffer, threadIndex } from './pool.as';
import { TOGETHER, UNPACKED_BLOCK, groupNumbers } from '../../ops/linear/simd.as';
import { Q4, Q8, fewQuantised, streamBytes, unpackPanel, unpackedMostRows, unpackedTile } from '../../ops/linear/tiles.as';

// Operands: address, bytes (a multiple of 64 KiB), result address. Reads everything once, 64 KiB a piece.
export function readJob(): void {
  const from = address(0);
  const pieces = operand(1) >>> 16;
  let a = f32x4.splat(0), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
  for (;;) {
    const piece = take(0, 16);
    if (piece >= pieces) break;
    const end = from + (<usize>min(piece + 16, pieces) << 16);
    for (let p = from + (<usize>piece << 16); p < end; p += 128) {
      a = v128.or(a, v128.load(p)); b = v128.or(b, v128.load(p, 16));
      c = v128.or(c, v128.load(p, 32)); d = v128.or(d, v128.load(p, 48));
      e = v128.or(e, v128.load(p, 64)); f = v128.or(f, v128.load(p, 80));
      g = v128.or(g, v128.load(p, 96)); h = v128.or(h, v128.load(p, 112));
    }
  }
  a = v128.or(v128.or(v128.or(a, b), v128.or(c, d)), v128.or(v128.or(e, f), v128.or(g, h)));
  store<f32>(address(2), laneSum(a)); // keeps the loads alive
}

// Operands: iterations, seed, result address. 12 independent multiply-adds in registers an iteration, 4 lanes each.
export function peakJob(): void {
  const iterations = operand(0);
  const x = f32x4.splat(operandF32(1)), y = f32x4.splat(0.999);
  let a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
  for (;;) {
    const first = take(0, 1024);
    if (first >= iterations) break;
    for (let n = 0; n < 1024; n++) {
      a = madd(a, y, x); b = madd(b, y, x); c = madd(c, y, x); d = madd(d, y, x);
      e = madd(e, y, x); f = madd(f, y, x); g = madd(g, y, x); h = madd(h, y, x);
      i = madd(i, y, x); j = madd(j, y, x); k = madd(k, y, x); l = madd(l, y, x);
    }
  }
  a = f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(f32x4.add(e, f), f32x4.add(g, h)));
  store<f32>(address(2), laneSum(f32x4.add(a, f32x4.add(f32x4.add(i, j), f32x4.add(k, l)))));
}

// Operands: iterations, seed, result address. 12 independent products of 8 16-bit pairs an iteration, with their sums:
// what quantised weights are multiplied with.
export function peak16Job(): void {
  const iterations = operand(0);
  const y = i16x8.splat(<i16>operand(1));
  let a = y, b = y, c = y, d = y, e = y, f = y, g = y, h = y, i = y, j = y, k = y, l = y;
  for (;;) {
    const first = take(0, 1024);
    if (first >= iterations) break;
    for (let n = 0; n < 1024; n++) {
      a = i32x4.add(a, i32x4.dot_i16x8_s(a, y)); b = i32x4.add(b, i32x4.dot_i16x8_s(b, y));
      c = i32x4.add(c, i32x4.dot_i16x8_s(c, y)); d = i32x4.add(d, i32x4.dot_i16x8_s(d, y));
      e = i32x4.add(e, i32x4.dot_i16x8_s(e, y)); f = i32x4.add(f, i32x4.dot_i16x8_s(f, y));
      g = i32x4.add(g, i32x4.dot_i16x8_s(g, y)); h = i32x4.add(h, i32x4.dot_i16x8_s(h, y));
      i = i32x4.add(i, i32x4.dot_i16x8_s(i, y)); j = i32x4.add(j, i32x4.dot_i16x8_s(j, y));
      k = i32x4.add(k, i32x4.dot_i16x8_s(k, y)); l = i32x4.add(l, i32x4.dot_i16x8_s(l, y));
    }
  }
  a = i32x4.add(i32x4.add(i32x4.add(a, b), i32x4.add(c, d)), i32x4.add(i32x4.add(e, f), i32x4.add(g, h)));
  v128.store(address(2), i32x4.add(a, i32x4.add(i32x4.add(i, j), i32x4.add(k, l))));
}

// Operands: iterations, area (32 KiB a thread, zeroed), tiles an iteration. What quantised weights take besides: a panel's
// block of int8 is widened, then tiles of rows are multiplied with it, with loads and a scale every 32 k. All of it stays in
// the first cache.
export function peak8Job(): void {
  const iterations = operand(0), tiles = operand(2), K = UNPACKED_BLOCK, rows = unpackedMostRows;
  const weights = address(1) + (<usize>threadIndex() << 15), y = weights + streamBytes(Q8, K);
  const numbers = y + (<usize>rows << 5), x = numbers + <usize>rows * groupNumbers(K);
  while (take(0, 1) < iterations) {
    unpackPanel(Q8, weights, 0, K, threadBuffer());
    for (let tile = 0; tile < tiles; tile++) unpackedTile(Q8, rows, x, numbers, threadBuffer(), K, y, 32, true);
  }
}

// Operands: iterations, seed, result address. What one row of 4-bit weights takes at least: of two vectors of words an
// iteration, all 64 values are taken apart, multiplied with 16-bit activations and summed, in registers.
export function peak4Job(): void {
  const iterations = operand(0);
  const x = i16x8.splat(<i16>operand(1)), mask = i16x8.splat(15);
  let v = x, w = i16x8.splat(0x3210), a = i32x4.splat(0), b = a, c = a, d = a;
  for (;;) {
    const first = take(0, 1024);
    if (first >= iterations) break;
    for (let n = 0; n < 1024; n++) {
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.and(v, mask), x));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.and(w, mask), x));
      c = i32x4.add(c, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v, 4), mask), x));
      d = i32x4.add(d, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(w, 4), mask), x));
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v, 8), mask), x));
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(w, 8), mask), x));
      c = i32x4.add(c, i32x4.dot_i16x8_s(i16x8.shr_u(v, 12), x));
      d = i32x4.add(d, i32x4.dot_i16x8_s(i16x8.shr_u(w, 12), x));
      v = i16x8.add(v, x); // other words
      w = i16x8.add(w, x);
    }
  }
  v128.store(address(2), i32x4.add(i32x4.add(a, b), i32x4.add(c, d)));
}

// Operands: iterations, area (32 KiB a thread, zeroed). The tile itself over four panels that the first cache holds, with
// loads, scales and minima every 32 k.
export function peak4TileJob(): void {
  const iterations = operand(0), K = UNPACKED_BLOCK;
  const weights = address(1) + (<usize>threadIndex() << 15), x = weights + streamBytes(Q4, K);
  const numbers = x + (<usize>K << 1), y = numbers + groupNumbers(K);
  for (;;) {
    const first = take(0, 64);
    if (first >= iterations) break;
    for (let n = 0; n < 64; n++) fewQuantised(Q4, x, 0, numbers, 0, 1, weights, 0, TOGETHER, K, y, 0);
  }
}

// Operands: iterations, seed, result address. An exponential in each of 4 lanes an iteration, and their sum.
export function peakExpJob(): void {
  const iterations = operand(0);
  const step = f32x4.splat(operandF32(1));
  let sum = f32x4.splat(0);
  for (;;) {
    const first = take(0, 1024);
    if (first >= iterations) break;
    let x = f32x4.splat(0);
    for (let n = 0; n < 1024; n++) {
      sum = f32x4.add(sum, exp4(x));
      x = f32x4.sub(x, step);
    }
  }
  store<f32>(address(2), laneSum(sum));
}

// Operands: address, bytes of each thread (a multiple of 256), sweeps, whether to copy, result address. Every thread goes
// over bytes of its own again and again: what a cache that holds them gives. A copy reads one half and writes the other.
export function sweepJob(): void {
  everyone();
  const bytes = <usize>operand(1);
  const from = address(0) + <usize>threadIndex() * bytes;
  const sweeps = operand(2);
  if (operand(3) != 0) {
    const half = bytes >>> 1;
    for (let sweep = 0; sweep < sweeps; sweep++) {
      for (let p = from, end = from + half; p < end; p += 128) {
        const to = p + half;
        v128.store(to, v128.load(p)); v128.store(to, v128.load(p, 16), 16);
        v128.store(to, v128.load(p, 32), 32); v128.store(to, v128.load(p, 48), 48);
        v128.store(to, v128.load(p, 64), 64); v128.store(to, v128.load(p, 80), 80);
        v128.store(to, v128.load(p, 96), 96); v128.store(to, v128.load(p, 112), 112);
      }
    }
    return;
  }
  let a = f32x4.splat(0), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (let p = from, end = from + bytes; p < end; p += 128) {
      a = v128.or(a, v128.load(p)); b = v128.or(b, v128.load(p, 16));
      c = v128.or(c, v128.load(p, 32)); d = v128.or(d, v128.load(p, 48));
      e = v128.or(e, v128.load(p, 64)); f = v128.or(f, v128.load(p, 80));
      g = v128.or(g, v128.load(p, 96)); h = v128.or(h, v128.load(p, 112));
    }
  }
  a = v128.or(v128.or(v128.or(a, b), v128.or(c, d)), v128.or(v128.or(e, f), v128.or(g, h)));
  store<f32>(address(4) + (<usize>threadIndex() << 2), laneSum(a)); // keeps the loads alive
}
