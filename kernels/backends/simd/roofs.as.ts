// Micro-kernels that measure the machine's limits with the same threads and memory as the ops.
import { laneSum, madd } from './math.as';
import { address, operand, operandF32, take } from './pool.as';

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
