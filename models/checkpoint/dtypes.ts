import type { StoredDtype } from './checkpoint.js';

export const dtypeBytes: Readonly<Record<StoredDtype, number>> = { F32: 4, F16: 2, BF16: 2 };

/** Widens little-endian stored values to float32, exactly: subnormals, infinities and NaN included. */
export function widen(bytes: Uint8Array, dtype: StoredDtype): Float32Array {
  // A copy, because a typed array must start at a multiple of its element size.
  const aligned = bytes.slice().buffer;
  if (dtype === 'F32') return new Float32Array(aligned);
  const stored = new Uint16Array(aligned);
  const bits = new Uint32Array(stored.length);
  for (let i = 0; i < stored.length; i++)
    bits[i] = dtype === 'BF16' ? stored[i] << 16 : float16ToFloat32Bits(stored[i]);
  return new Float32Array(bits.buffer);
}

/** IEEE 754 binary16 to the bits of the same value in binary32. */
function float16ToFloat32Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Subnormal: shift the leading one into the hidden bit.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}
