const word = new Float32Array(1);
const bits = new Uint32Array(word.buffer);

/** IEEE 754 binary16 to the bits of the same value in binary32: exact, subnormals, infinities and NaN included. */
export function float16ToFloat32Bits(half: number): number {
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

/** The value of an IEEE 754 binary16. */
export function float16(half: number): number {
  bits[0] = float16ToFloat32Bits(half);
  return word[0];
}

/** The finite binary16 nearest to a float32 value, ties to even; what is beyond the largest becomes the largest. */
export function float16Bits(value: number): number {
  word[0] = value;
  const sign = (bits[0] >>> 16) & 0x8000;
  const magnitude = bits[0] & 0x7fffffff;
  if (magnitude > largest) return sign | 0x7bff;
  // Subnormal: a whole number of 2^-24, and 2^-14 where it rounds up to that.
  if (magnitude < smallestNormal) return sign | roundToEven(Math.abs(value) * 2 ** 24);
  return sign | ((magnitude - (112 << 23) + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** Bits of 65504 and of 2^-14 in binary32. */
const largest = 0x477fe000;
const smallestNormal = 0x38800000;

/** To the nearest value that binary16 holds. */
export function roundToFloat16(value: number): number {
  return float16(float16Bits(value));
}

function roundToEven(value: number): number {
  const whole = Math.floor(value);
  const rest = value - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
}
