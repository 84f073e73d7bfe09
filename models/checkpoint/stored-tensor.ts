import { dequantise, type QuantisedMatrix } from '../../kernels/ops/linear/quantise.js';
import { AttsError } from '../../src/errors.js';
import type { StoredDtype, StoredTensor } from './checkpoint.js';
import { widen } from './dtypes.js';
import type { WeightsFile } from './file.js';
import { groupDtypes, unpackBlocks } from './gguf/blocks.js';

/** Where a tensor lies in a file. */
export interface TensorPlace {
  readonly name: string;
  /** Row-major: [rows, columns]. */
  readonly shape: readonly number[];
  readonly dtype: StoredDtype;
  /** Byte of the file at which it begins. */
  readonly position: number;
  readonly bytes: number;
}

/** Bytes of rows first … first + count − 1. */
type RowBytes = (first: number, count: number) => Uint8Array;

/** @param headDim given where the rows of heads of so many rows are stored as `unrotated` says */
export function storedTensor(file: WeightsFile, place: TensorPlace, headDim: number | null = null): StoredTensor {
  const { name, shape, dtype, position, bytes } = place;
  const rows = shape[0] ?? 1;
  const rowBytes = rows === 0 ? 0 : bytes / rows;
  const plain: RowBytes = (first, count) => file.read(position + first * rowBytes, count * rowBytes);
  const rowsAt = headDim === null ? plain : unrotated(plain, rowBytes, headDim);
  if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') {
    return { name, shape, dtype, read: (first = 0, count = rows) => widen(rowsAt(first, count), dtype) };
  }
  const groups = {
    dtype: groupDtypes[dtype],
    read(first: number, count: number): QuantisedMatrix {
      const blocks = unpackBlocks(rowsAt(first, count), dtype);
      if (!blocks.scales.every(Number.isFinite) || !blocks.mins.every(Number.isFinite)) {
        throw new AttsError('checkpoint', `${file.path}: tensor ${name} has scales that are not finite`);
      }
      return { dtype: groups.dtype, N: count, K: blocks.values.length / count, ...blocks };
    },
  };
  return { name, shape, dtype, groups, read: (first = 0, count = rows) => dequantise(groups.read(first, count)) };
}

/**
 * llama.cpp rotates neighbours of a head, (2i, 2i + 1), where the Hugging Face layout rotates its halves, (i, i + h/2):
 * files of its llama architecture have the rows of queries and keys in that order, which is undone here.
 */
function unrotated(stored: RowBytes, rowBytes: number, headDim: number): RowBytes {
  const half = headDim / 2;
  return (first, count) => {
    const from = Math.floor(first / headDim) * headDim;
    const to = Math.ceil((first + count) / headDim) * headDim;
    const heads = stored(from, to - from);
    const out = new Uint8Array(count * rowBytes);
    for (let n = 0; n < count; n++) {
      const local = (first + n) % headDim;
      const row = first + n - local - from + 2 * (local % half) + Math.floor(local / half);
      out.set(heads.subarray(row * rowBytes, (row + 1) * rowBytes), n * rowBytes);
    }
    return out;
  };
}
