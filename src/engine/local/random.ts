import { sha256 } from '../../digest.js';
import type { RandomKey } from '../engine.js';

/** The two key words of a random stream. */
export type StreamKey = readonly [number, number];

/** Hashes the key's fields to the two words that Philox takes. */
export function streamKey({ seed, problem, sample, role }: RandomKey): StreamKey {
  const { buffer, byteOffset } = sha256(JSON.stringify([seed, problem, sample, role]));
  const words = new DataView(buffer, byteOffset);
  return [words.getUint32(0, true), words.getUint32(4, true)];
}

const multiplier0 = 0xd2511f53n;
const multiplier1 = 0xcd9e8d57n;
const word = 0xffffffffn;

/** Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): four words of one counter. */
export function philox(counter: readonly [number, number, number, number], key: StreamKey): number[] {
  let [c0, c1, c2, c3] = counter.map((value) => BigInt(value >>> 0));
  let [k0, k1] = key.map((value) => value >>> 0);
  for (let round = 0; round < 10; round++) {
    const product0 = multiplier0 * c0;
    const product1 = multiplier1 * c2;
    [c0, c1, c2, c3] = [
      (product1 >> 32n) ^ c1 ^ BigInt(k0),
      product1 & word,
      (product0 >> 32n) ^ c3 ^ BigInt(k1),
      product0 & word,
    ];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3].map(Number);
}

/**
 * The uniform number in [0, 1) that draws the token at an absolute position of a stream. 24 bits, so that it is exact in
 * float32 and never rounds up to 1.
 */
export function uniformAt(key: StreamKey, position: number): number {
  return (philox([position, 0, 0, 0], key)[0] >>> 8) / 2 ** 24;
}
