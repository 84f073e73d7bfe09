// y[M, N] = norm(x)[M, K] · Wᵀ (+ bias) (+ residual), for f32, bf16, int8 and int4 weights packed in panels of 8 features
// (tiles.ts has the innermost loops and the layouts).
import { normRow } from '../rms-norm/simd.as';
import { address, barrier, operand, operandF32, take, threadBuffer, threadCount, threadIndex } from '../../backends/simd/pool.as';
import {
  bf16MostRows, bf16Rows, bf16Width, f32MostRows, f32Rows, f32Width, q4Rows, q4Width, q8MostRows, q8Rows, q8Width,
} from './tiles.as';

export const F32 = 0;
export const BF16 = 1;
export const Q8 = 2;
export const Q4 = 3;

// Few rows stream the weights once; many rows meet a block of k at a time, so that the panel stays in the L1 cache.
const BLOCK = 512;

// @ts-ignore: decorator
@inline
export function panelStride(dtype: i32, K: i32): usize {
  const groups = <usize>((K + 31) >>> 5);
  return dtype == F32 ? <usize>K * 32 : dtype == BF16 ? <usize>K * 16 : dtype == Q8 ? groups * 288 : groups * 192;
}

export function panelWidth(dtype: i32, M: i32): i32 {
  return dtype == F32 ? f32Width(M) : dtype == BF16 ? bf16Width(M) : dtype == Q8 ? q8Width(M) : q4Width(M);
}

// Quantises one row to 16 bits in groups of 32: q[K], and a scale and the sum of the dequantised values a group.
export function quantiseRow(x: usize, K: i32, q: usize, scales: usize): void {
  for (let k = 0; k < K; k += 32) {
    const n = min(32, K - k);
    let largest: f32 = 0;
    for (let i = 0; i < n; i++) largest = max(largest, abs(load<f32>(x + (<usize>(k + i) << 2))));
    const inverse: f32 = largest > 0 ? 32767 / largest : 0;
    let sum = 0;
    for (let i = 0; i < 32; i++) {
      const value = i < n ? <i32>nearest(load<f32>(x + (<usize>(k + i) << 2)) * inverse) : 0;
      store<i16>(q + (<usize>(k + i) << 1), <i16>value);
      sum += value;
    }
    const scale = largest / 32767;
    store<f32>(scales + (<usize>(k >>> 5) << 3), scale);
    store<f32>(scales + (<usize>(k >>> 5) << 3), scale * <f32>sum, 4);
  }
}

// A block of a bf16 panel as float32, [n][8].
function widenPanel(from: usize, n: i32, to: usize): void {
  for (let end = from + (<usize>n << 4); from < end; from += 16) {
    const words = v128.load(from);
    v128.store(to, i32x4.shl(words, 16));
    v128.store(to, v128.and(words, i32x4.splat(0xffff0000)), 16);
    to += 32;
  }
}

// M rows × `panels` adjacent panels from panel `p` on, into y (row stride ldy bytes).
export function multiplyPanels(x: usize, xs: usize, M: i32, K: i32, w: usize, dtype: i32, p: i32, panels: i32, y: usize, ldy: usize): void {
  const stride = panelStride(dtype, K);
  const from = w + stride * <usize>p;
  if (dtype == F32 || dtype == BF16) {
    const block = M > f32MostRows ? BLOCK : K;
    for (let k = 0; k < K; k += block) {
      const n = min(block, K - k);
      const xk = x + (<usize>k << 2), ldx = <usize>K << 2;
      if (dtype == F32) f32Rows(xk, ldx, M, from + (<usize>k << 5), stride, panels, n, y, ldy, k == 0);
      else if (M > bf16MostRows) {
        // Widened once for all rows: the same products and sums, at the speed of float32.
        const widened = threadBuffer();
        widenPanel(from + (<usize>k << 4), n, widened);
        f32Rows(xk, ldx, M, widened, 0, 1, n, y, ldy, k == 0);
      } else bf16Rows(xk, ldx, M, from + (<usize>k << 4), stride, panels, n, y, ldy, k == 0);
    }
    return;
  }
  const groups = (K + 31) >>> 5;
  const padded = groups << 5;
  const block = M > q8MostRows ? 2 * BLOCK : padded;
  for (let k = 0; k < padded; k += block) {
    const n = min(block, padded - k);
    const xk = x + (<usize>k << 1), ldx = <usize>padded << 1;
    const xsk = xs + (<usize>(k >>> 5) << 3), ldxs = <usize>groups << 3;
    if (dtype == Q8) q8Rows(xk, ldx, xsk, ldxs, M, from + <usize>(k >>> 5) * 288, stride, panels, n, y, ldy, k == 0);
    else q4Rows(xk, ldx, xsk, ldxs, M, from + <usize>(k >>> 5) * 192, stride, panels, n, y, ldy, k == 0);
  }
}

// Phase 0 of a product: rows are normalised and quantised where the job asks for it. Gives the x that panels read.
export function prepareRows(x: usize, M: i32, K: i32, dtype: i32, norm: usize, epsilon: f32, normed: usize, quantised: usize, scales: usize): usize {
  const isQuantised = dtype == Q8 || dtype == Q4;
  if (norm == 0 && !isQuantised) return x;
  const groups = (K + 31) >>> 5;
  for (;;) {
    const m = take(0, 1);
    if (m >= M) break;
    let row = x + <usize>m * (<usize>K << 2);
    if (norm != 0) {
      const to = normed + <usize>m * (<usize>K << 2);
      normRow(row, norm, K, epsilon, to);
      row = to;
    }
    if (isQuantised) quantiseRow(row, K, quantised + <usize>m * (<usize>groups << 6), scales + <usize>m * (<usize>groups << 3));
  }
  barrier();
  return isQuantised ? quantised : normed;
}

// Adds bias[n] and residual[m, n] to finished outputs: `count` features from n on (a multiple of 4, or the tail).
export function finish(y: usize, ldy: usize, M: i32, n: i32, count: i32, bias: usize, residual: usize, ldr: usize): void {
  if (bias == 0 && residual == 0) return;
  for (let m = 0; m < M; m++) {
    const row = y + <usize>m * ldy;
    let i = 0;
    for (; i + 4 <= count; i += 4) {
      const at = <usize>i << 2;
      let value = v128.load(row + at);
      if (bias != 0) value = f32x4.add(value, v128.load(bias + (<usize>n << 2) + at));
      if (residual != 0) value = f32x4.add(v128.load(residual + <usize>m * ldr + (<usize>n << 2) + at), value);
      v128.store(row + at, value);
    }
    for (; i < count; i++) {
      const at = <usize>i << 2;
      let value = load<f32>(row + at);
      if (bias != 0) value += load<f32>(bias + (<usize>n << 2) + at);
      if (residual != 0) value = load<f32>(residual + <usize>m * ldr + (<usize>n << 2) + at) + value;
      store<f32>(row + at, value);
    }
  }
}

// A phase of a job: y[M, N] = x · Wᵀ + bias + residual, whose panels go to whatever thread is free. The last panel may
// have fewer features than it holds; it is computed in `tails` (M · 32 bytes a thread) and copied.
export function product(
  phase: i32, x: usize, scales: usize, M: i32, K: i32, w: usize, N: i32, dtype: i32,
  y: usize, bias: usize, residual: usize, tails: usize,
): void {
  const tail = tails + <usize>threadIndex() * (<usize>M << 5);
  const whole = N >>> 3;
  const panels = (N + 7) >>> 3;
  const width = panelWidth(dtype, M);
  const units = (panels + width - 1) / width;
  const share = max(1, units / (threadCount() * 8));
  const ldy = <usize>N << 2;
  for (;;) {
    const unit = take(phase, share);
    if (unit >= units) break;
    const end = min(panels, (unit + share) * width);
    for (let p = unit * width; p < end; ) {
      const together = p + width <= min(end, whole) ? width : 1;
      const n = p << 3;
      if (p < whole) {
        const to = y + (<usize>n << 2);
        multiplyPanels(x, scales, M, K, w, dtype, p, together, to, ldy);
        finish(to, ldy, M, n, together << 3, bias, residual, ldy);
      } else {
        const count = N - n;
        multiplyPanels(x, scales, M, K, w, dtype, p, 1, tail, 32);
        finish(tail, 32, M, n, count, bias, residual, ldy);
        for (let m = 0; m < M; m++) memory.copy(y + <usize>m * ldy + (<usize>n << 2), tail + (<usize>m << 5), <usize>count << 2);
      }
      p += together;
    }
  }
}

// Operands: x, M, K, w, N, dtype, y, bias, residual, norm, epsilon, normed, quantised, scales, tails
export function linearJob(): void {
  const M = operand(1), K = operand(2), dtype = operand(5), scales = address(13);
  const x = prepareRows(address(0), M, K, dtype, address(9), operandF32(10), address(11), address(12), scales);
  product(1, x, scales, M, K, address(3), operand(4), dtype, address(6), address(7), address(8), address(14));
}
