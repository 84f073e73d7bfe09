/**
 * ggml's quantised blocks (layouts: ggml-common.h, meanings: ggml-quants.c of github.com/ggml-org/llama.cpp), taken apart
 * into whole numbers with a scale and a minimum: w = scale · q + min. d and m are the block's float16 numbers.
 *
 * | type | block | meaning |
 * |---|---|---|
 * | Q8_0 | 32 | d · q, q int8 |
 * | Q4_0 | 32 | d · (q − 8), q 4 bits; values i and i + 16 share a byte |
 * | Q4_1 | 32 | d · q + m |
 * | Q5_0 | 32 | d · (q − 16), the fifth bits of q in a word of their own |
 * | Q5_1 | 32 | d · q + m |
 * | Q4_K | 256 | in groups of 32: d · s · q − m · t, with s and t of 6 bits |
 * | Q5_K | 256 | the same with q of 5 bits |
 * | Q6_K | 256 | in groups of 16: d · s · (q − 32), s int8, q 6 bits |
 */

import { float16 } from '../../../kernels/float16.js';
import {
  type QuantisedDtype as KernelDtype,
  type QuantisedMatrix,
  quantisedFormats,
} from '../../../kernels/ops/linear/quantise.js';
import { type QuantisedDtype, storedBlocks } from '../dtypes.js';

/** The kernels' dtype that holds the groups of a block type as they are. */
export const groupDtypes = {
  ...{ Q8_0: 'q8', Q5_0: 'q5', Q5_1: 'q5', Q4_0: 'q4', Q4_1: 'q4' },
  ...{ Q6_K: 'q6', Q5_K: 'q5k', Q4_K: 'q4k' },
} as const satisfies Record<QuantisedDtype, KernelDtype>;

/** Values, a scale and a minimum a group, and the units of those that have any, in the order of the file. */
export type Blocks = Omit<QuantisedMatrix, 'dtype' | 'N' | 'K'>;

type Unpack = (bytes: Uint8Array, at: number, block: number, out: Blocks) => void;

function u16(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}

/** Blocks of 32 values of 4 or 5 bits; values that may be negative have a minimum of half their range. */
function legacy(bits: 4 | 5, hasMin: boolean): Unpack {
  const head = hasMin ? 4 : 2;
  const middle = 1 << (bits - 1);
  return (bytes, at, block, { values, scales, mins }) => {
    const d = float16(u16(bytes, at));
    scales[block] = d;
    mins[block] = hasMin ? float16(u16(bytes, at + 2)) : -middle * d;
    const high = bits === 5 ? u16(bytes, at + head) | (u16(bytes, at + head + 2) << 16) : 0;
    const from = at + head + (bits === 5 ? 4 : 0);
    for (let i = 0; i < 16; i++) {
      const byte = bytes[from + i];
      values[block * 32 + i] = (byte & 15) | (((high >>> i) & 1) << 4);
      values[block * 32 + i + 16] = (byte >>> 4) | (((high >>> (i + 16)) & 1) << 4);
    }
  };
}

function q8(bytes: Uint8Array, at: number, block: number, { values, scales }: Blocks): void {
  scales[block] = float16(u16(bytes, at));
  for (let i = 0; i < 32; i++) values[block * 32 + i] = bytes[at + 2 + i];
}

/** Eight groups of 32: scales and minima of 6 bits in 12 bytes, then the fifth bits (Q5_K), then a byte for two values. */
function k45(bits: 4 | 5): Unpack {
  return (bytes, at, block, { values, scales, mins, scaleUnits, minUnits }) => {
    const d = float16(u16(bytes, at));
    const m = float16(u16(bytes, at + 2));
    scaleUnits[block] = d;
    minUnits[block] = -m;
    const packed = (i: number) => bytes[at + 4 + i];
    const high = at + 16;
    const low = bits === 5 ? high + 32 : high;
    for (let g = 0; g < 8; g++) {
      // Groups 4 … 7: four bits here, the two upper ones in the bytes of group g − 4.
      const scale = g < 4 ? packed(g) & 63 : (packed(g + 4) & 15) | ((packed(g - 4) >>> 6) << 4);
      const min = g < 4 ? packed(g + 4) & 63 : (packed(g + 4) >>> 4) | ((packed(g) >>> 6) << 4);
      scales[block * 8 + g] = d * scale;
      mins[block * 8 + g] = -m * min;
      const from = low + (g >>> 1) * 32;
      const shift = (g & 1) * 4;
      const to = block * 256 + g * 32;
      for (let i = 0; i < 32; i++) values[to + i] = (bytes[from + i] >>> shift) & 15;
      if (bits === 5) for (let i = 0; i < 32; i++) values[to + i] |= ((bytes[high + i] >>> g) & 1) << 4;
    }
  };
}

/** Two halves of 128: 64 bytes of lower four bits, 32 of upper two; then 16 scales, then d. */
function q6k(bytes: Uint8Array, at: number, block: number, { values, scales, scaleUnits }: Blocks): void {
  const d = float16(u16(bytes, at + 208));
  scaleUnits[block] = d;
  for (let g = 0; g < 16; g++) scales[block * 16 + g] = d * ((bytes[at + 192 + g] << 24) >> 24);
  for (let half = 0; half < 2; half++) {
    const low = at + half * 64;
    const high = at + 128 + half * 32;
    const to = block * 256 + half * 128;
    for (let i = 0; i < 32; i++) {
      const a = bytes[low + i];
      const b = bytes[low + 32 + i];
      const h = bytes[high + i];
      values[to + i] = ((a & 15) | ((h & 3) << 4)) - 32;
      values[to + i + 32] = ((b & 15) | (((h >>> 2) & 3) << 4)) - 32;
      values[to + i + 64] = ((a >>> 4) | (((h >>> 4) & 3) << 4)) - 32;
      values[to + i + 96] = ((b >>> 4) | ((h >>> 6) << 4)) - 32;
    }
  }
}

const unpackers: Readonly<Record<QuantisedDtype, Unpack>> = {
  // Values stay from 0 on, as the kernels have them.
  Q4_0: legacy(4, false),
  Q4_1: legacy(4, true),
  Q5_0: legacy(5, false),
  Q5_1: legacy(5, true),
  Q8_0: q8,
  Q4_K: k45(4),
  Q5_K: k45(5),
  Q6_K: q6k,
};

/** Takes whole blocks apart. */
export function unpackBlocks(bytes: Uint8Array, dtype: QuantisedDtype): Blocks {
  const stored = storedBlocks[dtype];
  const unpack = unpackers[dtype];
  const count = bytes.length / stored.bytes;
  const { group, mostSteps } = quantisedFormats[groupDtypes[dtype]];
  const floats = (each: number) => new Float32Array(count * each);
  const [groups, units] = [stored.values / group, mostSteps > 0 ? 1 : 0];
  const out: Blocks = {
    values: new Int8Array(count * stored.values),
    ...{ scales: floats(groups), mins: floats(groups), scaleUnits: floats(units), minUnits: floats(units) },
  };
  for (let block = 0; block < count; block++) unpack(bytes, block * stored.bytes, block, out);
  return out;
}
