const word = new Float32Array(1);
const bits = new Uint32Array(word.buffer);

/** The upper half of the nearest value that bfloat16 holds, ties to even. */
export function bf16Bits(value: number): number {
  word[0] = value;
  return (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) >>> 16;
}

/** To the nearest value that bfloat16 holds, ties to even. */
export function roundToBf16(value: number): number {
  bits[0] = bf16Bits(value) << 16;
  return word[0];
}
