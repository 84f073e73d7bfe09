const word = new Float32Array(1);
const bits = new Uint32Array(word.buffer);

/** The upper half of the nearest value that bfloat16 holds, ties to even. */
export function bf16Bits(value: number): number {
  word[0] = value;
  return (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) >>> 16;
}

/** The value whose upper half these bits are. */
export function bf16Value(upper: number): number {
  bits[0] = upper << 16;
  return word[0];
}

/** To the nearest value that bfloat16 holds, ties to even. */
export function roundToBf16(value: number): number {
  return bf16Value(bf16Bits(value));
}
