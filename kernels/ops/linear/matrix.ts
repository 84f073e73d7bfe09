import { roundToFloat16 } from '../../float16.js';
import { roundToBf16 } from './bf16.js';
import type { WeightDtype } from './index.js';
import { dequantise, isQuantised, type QuantisedMatrix, quantise, quantisedFormats, unitRows } from './quantise.js';

/** A matrix W[N, K] that gives its rows a block at a time, so that it never lies whole beside its packed form. */
export interface MatrixRows {
  readonly N: number;
  readonly K: number;
  /** Rows first … first + count − 1, row-major. */
  read(first: number, count: number): Float32Array | QuantisedMatrix;
}

/** What can be packed. Values are row-major, as checkpoints store them. */
export type Matrix = Float32Array | QuantisedMatrix | MatrixRows;

/** Rows that become rows `place(n)` of a packed matrix, whose K may be larger: the rest is 0. */
export interface PlacedRows {
  readonly rows: MatrixRows;
  place(n: number): number;
}

/** Values that are read at a time. */
const blockValues = 2 ** 18;

export function rowsOf(matrix: Matrix, N: number, K: number): MatrixRows {
  if (matrix instanceof Float32Array) {
    return { N, K, read: (first, count) => matrix.subarray(first * K, (first + count) * K) };
  }
  if ('read' in matrix) return matrix;
  const { dtype, scales, mins, scaleUnits, minUnits, values } = matrix;
  const groups = Math.ceil(K / quantisedFormats[dtype].group);
  const units = scaleUnits.length > 0 ? Math.ceil(K / unitRows) : 0;
  const part = <T extends Float32Array | Int8Array>(all: T, width: number, first: number, count: number) =>
    all.subarray(first * width, (first + count) * width) as T;
  return {
    N,
    K,
    read: (first, count) => ({
      ...{ dtype, N: count, K, values: part(values, K, first, count) },
      ...{ scales: part(scales, groups, first, count), mins: part(mins, groups, first, count) },
      ...{ scaleUnits: part(scaleUnits, units, first, count), minUnits: part(minUnits, units, first, count) },
    }),
  };
}

/** `count` rows of a matrix from `first` on, as a matrix. */
export function sliceRows({ K, read }: MatrixRows, first: number, count: number): MatrixRows {
  return { N: count, K, read: (from, some) => read(first + from, some) };
}

/** One matrix below another. */
export function stacked(...matrices: readonly MatrixRows[]): PlacedRows[] {
  let above = 0;
  return matrices.map((rows) => {
    const first = above;
    above += rows.N;
    return { rows, place: (n) => first + n };
  });
}

/** All rows by blocks, in the form that a dtype keeps: float32 (not yet rounded for bf16 and f16), or quantised as it says. */
export function* blocksOf(
  { N, K, read }: MatrixRows,
  dtype: WeightDtype,
): Generator<{ first: number; count: number; block: Float32Array | QuantisedMatrix }> {
  const most = Math.max(1, Math.floor(blockValues / K));
  for (let first = 0; first < N; first += most) {
    const count = Math.min(most, N - first);
    const block = read(first, count);
    yield { first, count, block: inForm(block, count, K, dtype) };
  }
}

function inForm(block: Float32Array | QuantisedMatrix, N: number, K: number, dtype: WeightDtype) {
  if (!(block instanceof Float32Array) && block.dtype === dtype) return block;
  const values = block instanceof Float32Array ? block : dequantise(block);
  return isQuantised(dtype) ? quantise(values, N, K, dtype) : values;
}

/** What is left of W[N, K] when its parts are kept in a dtype, as float32. */
export function keptValues(parts: readonly PlacedRows[], N: number, K: number, dtype: WeightDtype): Float32Array {
  const kept = new Float32Array(N * K);
  const round = { bf16: roundToBf16, f16: roundToFloat16 }[dtype as string];
  for (const { rows, place } of parts) {
    for (const { first, count, block } of blocksOf(rows, dtype)) {
      const values = block instanceof Float32Array ? block : dequantise(block);
      for (let n = 0; n < count; n++) {
        const row = values.subarray(n * rows.K, (n + 1) * rows.K);
        kept.set(round ? row.map(round) : row, place(first + n) * K);
      }
    }
  }
  return kept;
}
