import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { float16 } from '../../../kernels/float16.js';
import { embedding, packEmbedding } from '../../../kernels/ops/embedding/index.js';
import { toFloat32 } from '../../../kernels/tfjs.js';
import { type QuantisedDtype, storedBlocks } from '../../../models/checkpoint/dtypes.js';
import type { WeightsFile } from '../../../models/checkpoint/file.js';
import { groupDtypes } from '../../../models/checkpoint/gguf/blocks.js';
import { storedTensor } from '../../../models/checkpoint/stored-tensor.js';
import { largestDifference, on } from '../../kernels/backend.js';

/** Bit `n` on of a byte. */
const bit = (byte: number, n: number) => (byte >> n) & 1;
const half = (b: Uint8Array, at: number) => float16(b[at] + 256 * b[at + 1]);
const nibble = (b: Uint8Array, from: number, i: number) => (i < 16 ? b[from + i] % 16 : b[from + i - 16] >> 4);
const fifth = (b: Uint8Array, from: number, i: number) => 16 * bit(b[from + (i >> 3)], i & 7);

/** Scale and minimum (6 bits each) of group g of a K block, whose 12 bytes begin at 4. */
function sixBits(b: Uint8Array, g: number): [scale: number, min: number] {
  const s = b.subarray(4, 16);
  if (g < 4) return [s[g] % 64, s[g + 4] % 64];
  return [(s[g + 4] % 16) + 16 * (s[g - 4] >> 6), (s[g + 4] >> 4) + 16 * (s[g] >> 6)];
}

function fourOrFiveBits(b: Uint8Array, i: number, q: number): number {
  const [scale, min] = sixBits(b, i >> 5);
  return half(b, 0) * scale * q - half(b, 2) * min;
}

/** Value i of a block, written from the format's description, one value at a time. */
const valueIn: Readonly<Record<QuantisedDtype, (b: Uint8Array, i: number) => number>> = {
  Q8_0: (b, i) => half(b, 0) * (b[2 + i] < 128 ? b[2 + i] : b[2 + i] - 256),
  Q4_0: (b, i) => half(b, 0) * (nibble(b, 2, i) - 8),
  Q4_1: (b, i) => half(b, 0) * nibble(b, 4, i) + half(b, 2),
  Q5_0: (b, i) => half(b, 0) * (nibble(b, 6, i) + fifth(b, 2, i) - 16),
  Q5_1: (b, i) => half(b, 0) * (nibble(b, 8, i) + fifth(b, 4, i)) + half(b, 2),
  Q4_K: (b, i) => fourOrFiveBits(b, i, nibbleOfPair(b, 16, i)),
  Q5_K: (b, i) => fourOrFiveBits(b, i, nibbleOfPair(b, 48, i) + 16 * bit(b[16 + (i % 32)], i >> 5)),
  Q6_K(b, i) {
    const [part, within] = [i >> 7, i % 128];
    const low = b[64 * part + (within % 64)];
    const high = (b[128 + 32 * part + (within % 32)] >> (2 * (within >> 5))) % 4;
    const q = (within < 64 ? low % 16 : low >> 4) + 16 * high - 32;
    const scale = b[192 + (i >> 4)];
    return half(b, 208) * (scale < 128 ? scale : scale - 256) * q;
  },
};

/** Groups of 32 by twos: the first in the low halves of 32 bytes, the second in the high ones. */
function nibbleOfPair(b: Uint8Array, from: number, i: number): number {
  const byte = b[from + 32 * (i >> 6) + (i % 32)];
  return (i >> 5) % 2 === 0 ? byte % 16 : byte >> 4;
}

/** Places of a block's float16 numbers. */
const halves: Readonly<Record<QuantisedDtype, readonly number[]>> = {
  ...{ Q8_0: [0], Q4_0: [0], Q4_1: [0, 2], Q5_0: [0], Q5_1: [0, 2], Q4_K: [0, 2], Q5_K: [0, 2], Q6_K: [208] },
};

/** Random blocks whose float16 numbers are finite and not large. */
function blocksOf(dtype: QuantisedDtype, bytes: Uint8Array): Uint8Array {
  const size = storedBlocks[dtype].bytes;
  const out = bytes.slice(0, Math.floor(bytes.length / size) * size);
  for (let at = 0; at < out.length; at += size)
    for (const place of halves[dtype]) out[at + place + 1] = (out[at + place + 1] & 0x83) | 0x28;
  return out;
}

function tensorOf(dtype: QuantisedDtype, bytes: Uint8Array, rows: number) {
  const file: WeightsFile = {
    ...{ path: 'blocks', size: bytes.length, version: null, close() {} },
    read: (position, length) => Buffer.from(bytes.subarray(position, position + length)),
  };
  const { values, bytes: size } = storedBlocks[dtype];
  const K = ((bytes.length / size) * values) / rows;
  return storedTensor(file, { name: 'w', shape: [rows, K], dtype, position: 0, bytes: bytes.length });
}

describe('blocks of quantised weights', () => {
  for (const dtype of Object.keys(valueIn) as QuantisedDtype[]) {
    const { values, bytes: size } = storedBlocks[dtype];

    it(`${dtype} means what its description says`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 3 * size, maxLength: 3 * size }), (random) => {
          const bytes = blocksOf(dtype, random);
          const expected = Float32Array.from({ length: 3 * values }, (_, i) =>
            valueIn[dtype](bytes.subarray(Math.floor(i / values) * size), i % values),
          );
          const read = tensorOf(dtype, bytes, 3).read();
          const largest = expected.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
          expect(largestDifference(read, expected)).to.be.at.most(largest * 2 ** -22);
          expect([...tensorOf(dtype, bytes, 3).read(1, 1)]).to.deep.equal([...read.subarray(values, 2 * values)]);
        }),
        { numRuns: 50 },
      );
    });

    it(`${dtype} is kept as ${groupDtypes[dtype]} without loss`, () =>
      on('simd', () =>
        tf.tidy(() => {
          const bytes = blocksOf(
            dtype,
            Uint8Array.from({ length: 33 * 2 * size }, (_, i) => (i * 7919 + (i >> 3) * 31) % 256),
          );
          const tensor = tensorOf(dtype, bytes, 33);
          const [V, d] = tensor.shape;
          const rows = { N: V, K: d, read: tensor.groups!.read };
          const table = packEmbedding(rows, V, d, { dtype: tensor.groups!.dtype });
          const ids = Int32Array.from({ length: V }, (_, id) => id);
          const kept = toFloat32(embedding(table, ids));
          table.dispose();
          const values = tensor.read();
          const largest = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
          expect(largestDifference(kept, values)).to.be.at.most(largest * 2 ** -22);
        }),
      ));
  }

  it('refuses a scale that is not finite', () => {
    const q8 = new Uint8Array(34);
    q8.set([0x00, 0x7c]);
    expect(() => tensorOf('Q8_0', q8, 1).read()).to.throw('blocks: tensor w has scales that are not finite');
  });

  it('hand-packed: Q8_0 of scale ½ and −3 is −1.5; Q4_1 of scale ½, minimum −1 and 15 is 6.5; Q6_K of all zeros is −32 scales', () => {
    const q8 = new Uint8Array(34);
    q8.set([0x00, 0x38, 0xfd]);
    expect(tensorOf('Q8_0', q8, 1).read()[0]).to.equal(-1.5);
    const q4 = new Uint8Array(20);
    q4.set([0x00, 0x38, 0x00, 0xbc, 0x0f]);
    expect([...tensorOf('Q4_1', q4, 1).read()].slice(0, 2)).to.deep.equal([6.5, -1]);
    expect(tensorOf('Q4_1', q4, 1).read()[16]).to.equal(-1);
    const q6 = new Uint8Array(210);
    q6[192] = 3;
    q6.set([0x00, 0x38], 208);
    expect([...tensorOf('Q6_K', q6, 1).read()].slice(14, 17)).to.deep.equal([-48, -48, 0]);
  });
});
