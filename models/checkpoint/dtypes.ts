import { float16ToFloat32Bits } from '../../kernels/float16.js';
import type { StoredDtype } from './checkpoint.js';

/** Values that are stored together along a row, and the bytes they take. */
export const storedBlocks: Readonly<Record<StoredDtype, { readonly values: number; readonly bytes: number }>> = {
  F32: { values: 1, bytes: 4 },
  F16: { values: 1, bytes: 2 },
  BF16: { values: 1, bytes: 2 },
  Q4_0: { values: 32, bytes: 18 },
  Q4_1: { values: 32, bytes: 20 },
  Q5_0: { values: 32, bytes: 22 },
  Q5_1: { values: 32, bytes: 24 },
  Q8_0: { values: 32, bytes: 34 },
  Q4_K: { values: 256, bytes: 144 },
  Q5_K: { values: 256, bytes: 176 },
  Q6_K: { values: 256, bytes: 210 },
};

/** Bytes of a tensor; null where its rows are not whole blocks or no file could hold it. */
export function storedBytes(dtype: StoredDtype, shape: readonly number[]): number | null {
  const { values, bytes } = storedBlocks[dtype];
  const count = shape.reduce((a, b) => a * b, 1);
  const isWhole = (shape.at(-1) ?? 1) % values === 0;
  const total = (count / values) * bytes;
  return isWhole && Number.isSafeInteger(count) && Number.isSafeInteger(total) ? total : null;
}

export type FloatDtype = Extract<StoredDtype, 'F32' | 'F16' | 'BF16'>;
export type QuantisedDtype = Exclude<StoredDtype, FloatDtype>;

/** Widens little-endian stored values to float32, exactly: subnormals, infinities and NaN included. */
export function widen(bytes: Uint8Array, dtype: FloatDtype): Float32Array {
  // A typed array must start at a multiple of its element size.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  if (dtype === 'F32') return new Float32Array(aligned.buffer, aligned.byteOffset, bytes.length / 4);
  const stored = new Uint16Array(aligned.buffer, aligned.byteOffset, bytes.length / 2);
  const bits = new Uint32Array(stored.length);
  for (let i = 0; i < stored.length; i++)
    bits[i] = dtype === 'BF16' ? stored[i] << 16 : float16ToFloat32Bits(stored[i]);
  return new Float32Array(bits.buffer);
}
