// y[M, N] = norm(x)[M, K] · Wᵀ (+ bias) (+ residual), for floating and quantised weights packed in panels of 8 features
// (tiles.ts has the innermost loops, layout.ts the layouts).
import { clear, laneMax } from '../../backends/simd/math.as';
import { normRow } from '../rms-norm/simd.as';
import { packRows } from './pack-rows.as';
import { address, barrier, firstUnit, nextUnit, operand, operandF32, take, threadBuffer, threadCount, threadIndex } from '../../backends/simd/pool.as';
import { BF16, F32, Q8, UNPACKED_BYTES, bf16MostRows, bf16Tile, f32MostRows, f32Tile, fewQuantised, fewRows, rowsOfTile, streamBytes, tileWidth, unpackPanel, unpackedMostRows, unpackedTile } from './tiles.as';

// Where several tiles meet floating weights, they go by in blocks of so many k, which stay in the second cache until all
// rows have met them.
const FLOAT_BLOCK = 2048;

// Values of k for which the panels of one stripe take turns: few enough to have been read ahead.
const TURN = 128;

// A matrix of more values lies in main memory, with the rest of its model.
const CACHED: i32 = 1 << 18;

// Stripes of up to so many k are over before reading ahead of several at once has come to speed.
const SHORT: i32 = 1024;

// Many rows have panels taken apart in the thread's buffer, so many of so many k.
const UNPACKED_PANELS: i32 = 2;
export const UNPACKED_BLOCK: i32 = 384;

// Bytes of a stripe from one k to the next (layout.ts).
const STRIPE_STEP: usize = 32;

// Panels that are multiplied together where rows are few.
export const TOGETHER: i32 = 4;

// @ts-ignore: decorator
@inline
export function isQuantised(dtype: i32): bool { return dtype >= Q8; }

// Bytes of a row's numbers a group, see quantiseRow.
const GROUP_NUMBERS: usize = 16;

// @ts-ignore: decorator
@inline
export function groupNumbers(K: i32): usize { return <usize>((K + 31) >>> 5) * GROUP_NUMBERS; }

// Values of a row that are quantised before they are packed.
const PACKED_AT_ONCE: i32 = 256;

// Quantises the R rows of a tile and packs them as [k pair][R], and their numbers as [number of a group][R].
function quantiseTile(x: usize, R: i32, K: i32, q: usize, numbers: usize): void {
  if (R == 1) return quantiseRow(x, K, q, numbers);
  const rows = threadBuffer() + 128, rowNumbers = rows + <usize>(R * PACKED_AT_ONCE << 1); // quantiseRow has the first 128
  for (let k = 0; k < K; k += PACKED_AT_ONCE) {
    const n = min(PACKED_AT_ONCE, K - k), own = groupNumbers(n);
    for (let r = 0; r < R; r++) {
      quantiseRow(x + (<usize>(r * K + k) << 2), n, rows + <usize>r * (own << 2), rowNumbers + <usize>r * own);
    }
    packRows(rows, own << 2, R, <i32>own, q);
    packRows(rowNumbers, own, R, <i32>(own >> 2), numbers);
    q += <usize>R * (own << 2); numbers += <usize>R * own;
  }
}

// Quantises one row to 16 bits in groups of 32: q[K], and four numbers a group: the scale, the sum of the dequantised
// values, and −32 times the integer sum of each half.
function quantiseRow(x: usize, K: i32, q: usize, numbers: usize): void {
  const whole = K & ~31;
  for (let k = 0; k < whole; k += 32) {
    quantiseGroup(x, q, numbers);
    x += 128; q += 64; numbers += GROUP_NUMBERS;
  }
  if (whole == K) return;
  // The rest, filled up with zeros.
  const group = threadBuffer();
  clear(group, 128);
  memory.copy(group, x, <usize>(K - whole) << 2);
  quantiseGroup(group, q, numbers);
}

function quantiseGroup(x: usize, q: usize, numbers: usize): void {
  let most = f32x4.splat(0);
  for (let i: usize = 0; i < 128; i += 32) {
    most = f32x4.pmax(most, f32x4.pmax(f32x4.abs(v128.load(x + i)), f32x4.abs(v128.load(x + i, 16))));
  }
  const largest = laneMax(most);
  const inverse = f32x4.splat(largest > 0 ? 32767 / largest : 0);
  const scale = largest / 32767;
  const firstHalf = quantiseHalf(x, inverse, q), secondHalf = quantiseHalf(x + 64, inverse, q + 32);
  store<f32>(numbers, scale);
  store<f32>(numbers, scale * <f32>(firstHalf + secondHalf), 4);
  store<i32>(numbers, -32 * firstHalf, 8);
  store<i32>(numbers, -32 * secondHalf, 12);
}

// 16 values; gives their sum.
// @ts-ignore: decorator
@inline
function quantiseHalf(x: usize, inverse: v128, q: usize): i32 {
  const first = i16x8.narrow_i32x4_s(nearest4(x, inverse), nearest4(x + 16, inverse));
  const second = i16x8.narrow_i32x4_s(nearest4(x + 32, inverse), nearest4(x + 48, inverse));
  v128.store(q, first);
  v128.store(q, second, 16);
  const ones = i16x8.splat(1);
  const sums = i32x4.add(i32x4.dot_i16x8_s(first, ones), i32x4.dot_i16x8_s(second, ones));
  return (i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1)) + (i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3));
}

// @ts-ignore: decorator
@inline
function nearest4(x: usize, inverse: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x), inverse)));
}

// M rows × one panel of W[N, K], or × the four panels from `p` (a multiple of 4) on, into y (row stride ldy bytes).
export function multiplyPanels(x: usize, xs: usize, M: i32, K: i32, w: usize, N: i32, dtype: i32, p: i32, panels: i32, y: usize, ldy: usize): void {
  const stream = w + <usize>(p >>> 2) * streamBytes(dtype, K);
  const stride = groupNumbers(K);
  if (!isQuantised(dtype)) multiplyFloats(x, M, K, stream, N, dtype, p & 3, panels, y, ldy);
  else if (M > fewRows(dtype)) multiplyUnpacked(x, xs, M, K, stream, dtype, p & 3, panels, y, ldy);
  else fewQuantised(dtype, x, stride << 2, xs, stride, M, stream, p & 3, panels, K, y, ldy);
}

// x are rows that `prepareRows` has packed.
function multiplyUnpacked(x: usize, numbers: usize, M: i32, K: i32, stream: usize, dtype: i32, p: i32, panels: i32, y: usize, ldy: usize): void {
  const unpacked = threadBuffer(), panelBytes = <usize>(UNPACKED_BLOCK >>> 5) * UNPACKED_BYTES;
  for (let k = 0; k < K; k += UNPACKED_BLOCK) {
    const n = min(UNPACKED_BLOCK, K - k), come = stream + streamBytes(dtype, k);
    for (let i = 0; i < panels; i += UNPACKED_PANELS) {
      const together = min(UNPACKED_PANELS, panels - i);
      for (let j = 0; j < together; j++) unpackPanel(dtype, come, <usize>(p + i + j), n, unpacked + <usize>j * panelBytes);
      for (let m = 0, rows = 0; m < M; m += rows) {
        rows = rowsFrom(dtype, m, M);
        const own = x + <usize>m * (groupNumbers(K) << 2) + <usize>(rows * k << 1);
        const ownNumbers = numbers + <usize>m * groupNumbers(K) + <usize>rows * groupNumbers(k);
        const to = y + <usize>m * ldy + (<usize>i << 5);
        for (let j = 0; j < together; j++) {
          unpackedTile(dtype, rows, own, ownNumbers, unpacked + <usize>j * panelBytes, n, to + (<usize>j << 5), ldy, k == 0);
        }
      }
    }
  }
}

// Where panel p of four begins at k: as float32 in a stripe of its own, as bfloat16 beside another (layout.ts).
// @ts-ignore: decorator
@inline
export function floatsAt(stream: usize, dtype: i32, K: i32, p: usize, k: i32): usize {
  const stripe: usize = dtype == BF16 ? p >>> 1 : p;
  return stream + (stripe * <usize>K + <usize>k) * STRIPE_STEP + (dtype == BF16 ? (p & 1) << 4 : 0);
}

// Whether few rows take a stripe after another, as memory is read ahead, rather than several together: then sums wait for
// their own additions, which costs as much as long stripes of float32 do.
// @ts-ignore: decorator
@inline
function streams(K: i32, N: i32, dtype: i32): bool { return N > CACHED / K && (K <= SHORT || dtype == BF16); }

// x are rows that `packRows` has packed. Two panels of bfloat16 are one stripe: where a tile takes one of them for all rows,
// they take turns within what is read ahead.
function multiplyFloats(x: usize, M: i32, K: i32, stream: usize, N: i32, dtype: i32, p: i32, panels: i32, y: usize, ldy: usize): void {
  const each = dtype == BF16 ? 2 : 1;
  const width = min(streams(K, N, dtype) ? min(panels, each) : panels, tileWidth(dtype, M));
  const stripe = <usize>K * STRIPE_STEP;
  const isOneTile = rowsFrom(dtype, 0, M) == M;
  const step = max(width, each);
  const block = !isOneTile ? FLOAT_BLOCK : width < each ? TURN : K;
  for (let i0 = 0; i0 < panels; i0 += step) {
    const end = min(panels, i0 + step);
    for (let k = 0; k < K; k += block) {
      const n = min(block, K - k), first = k == 0;
      for (let i = i0; i < end; i += width) {
        const w = floatsAt(stream, dtype, K, <usize>(p + i), k);
        for (let m = 0, rows = 0; m < M; m += rows) {
          rows = rowsFrom(dtype, m, M);
          const own = x + (<usize>(m * K + k * rows) << 2), to = y + <usize>m * ldy + (<usize>i << 5);
          if (dtype == F32) f32Tile(rows, width, own, w, stripe, n, to, ldy, first);
          else bf16Tile(rows, width, own, w, stripe, n, to, ldy, first);
        }
      }
    }
  }
}

// Rows of the tile that begins at row m, of rows that are packed.
export function rowsFrom(dtype: i32, m: i32, M: i32): i32 {
  return rowsOfTile(M - m, isQuantised(dtype) ? unpackedMostRows : dtype == F32 ? f32MostRows : bf16MostRows);
}

// Rows that a thread takes at a time, where a row is soon done: asking for each costs more than some rows do.
// @ts-ignore: decorator
@inline
function rowShare(M: i32): i32 { return max(1, M / (4 * threadCount())); }

// A phase of a job: rows are normalised where the job asks for it, and quantised or packed as the tiles read them. Gives
// the x that panels read.
export function prepareRows(phase: i32, x: usize, M: i32, K: i32, dtype: i32, norm: usize, epsilon: f32, normed: usize, prepared: usize, scales: usize): usize {
  const quantises = isQuantised(dtype), packs = M > (quantises ? fewRows(dtype) : 1);
  if (norm == 0 && !quantises && !packs) return x;
  const ldx = <usize>K << 2;
  const source = norm != 0 ? normed : x;
  const share = packs ? 1 : rowShare(M);
  let taken = take(phase, share); // tiles, or rows
  for (let m = 0, i = 0, rows = 0; m < M; m += rows, i++) {
    rows = packs ? rowsFrom(dtype, m, M) : 1;
    if (i < taken) continue;
    const from = source + <usize>m * ldx;
    if (norm != 0) {
      for (let own = m; own < m + rows; own++) normRow(x + <usize>own * ldx, norm, K, epsilon, normed + <usize>own * ldx);
    }
    if (quantises) quantiseTile(from, rows, K, prepared + <usize>m * (groupNumbers(K) << 2), scales + <usize>m * groupNumbers(K));
    else if (packs) packRows(from, ldx, rows, K, prepared + <usize>m * ldx);
    if (i + 1 == taken + share) taken = take(phase, share);
  }
  barrier();
  return quantises || packs ? prepared : normed;
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
  const units = (panels + TOGETHER - 1) / TOGETHER;
  const ldy = <usize>N << 2;
  for (let unit = firstUnit(phase, units); unit < units; unit = nextUnit(phase, units, unit)) {
    const end = min(panels, (unit + 1) * TOGETHER);
    for (let p = unit * TOGETHER; p < end; ) {
      const together = p + TOGETHER <= min(end, whole) ? TOGETHER : 1;
      const n = p << 3;
      if (p < whole) {
        const to = y + (<usize>n << 2);
        multiplyPanels(x, scales, M, K, w, N, dtype, p, together, to, ldy);
        finish(to, ldy, M, n, together << 3, bias, residual, ldy);
      } else {
        const count = N - n;
        multiplyPanels(x, scales, M, K, w, N, dtype, p, 1, tail, 32);
        finish(tail, 32, M, n, count, bias, residual, ldy);
        for (let m = 0; m < M; m++) memory.copy(y + <usize>m * ldy + (<usize>n << 2), tail + (<usize>m << 5), <usize>count << 2);
      }
      p += together;
    }
  }
}

// Operands: x, M, K, w, N, dtype, y, bias, residual, norm, epsilon, normed, prepared, scales, tails
export function linearJob(): void {
  const M = operand(1), K = operand(2), dtype = operand(5), scales = address(13);
  const x = prepareRows(0, address(0), M, K, dtype, address(9), operandF32(10), address(11), address(12), scales);
  product(1, x, scales, M, K, address(3), operand(4), dtype, address(6), address(7), address(8), address(14));
}
