import * as tf from '@tensorflow/tfjs-core';
import { registerJob, simd, simdNames } from '../../backends/simd/index.js';
import { float16Bits } from '../../float16.js';
import { bf16Bits } from './bf16.js';
import { linearPacker, type WeightDtype, weightDtypes } from './index.js';
import {
  headerBytes,
  packedBytes,
  panelStep,
  streamBytes,
  together,
  unitBytes,
  unitSpan,
  valueBits,
  wordFormats,
} from './layout.js';
import { blocksOf } from './matrix.js';
import { isQuantised, type QuantisedMatrix, quantisedFormats, stepsOf, unitRows } from './quantise.js';
import type { LinearAttributes, LinearInputs } from './reference.js';

/** Codes of the dtypes in the kernels (tiles.ts). */
export const dtypeCode = Object.fromEntries(weightDtypes.map((dtype, code) => [dtype, code])) as Readonly<
  Record<WeightDtype, number>
>;

/** Below so many multiply-adds a job is done before another thread has heard of it. */
export const smallestShared = 40_000;

/** Threads for a job of so many multiply-adds. */
export function threadsFor(multiplyAdds: number): number {
  return multiplyAdds < smallestShared ? 1 : simd().pool.threads;
}

/** Bytes of the areas that M rows are prepared in: 16-bit rows, and four numbers a group; or the rows packed. */
export function preparedBytes(dtype: WeightDtype, M: number, K: number): [number, number] {
  if (!isQuantised(dtype)) return [M > 1 ? M * K * 4 : 0, 0];
  const groups = Math.ceil(K / 32);
  return [M * groups * 64, M * groups * 16];
}

linearPacker.register(simdNames, (parts, N, K, dtype) => {
  const backend = simd();
  const bytes = packedBytes(N, K, dtype);
  const { info, pointer } = backend.weights(bytes);
  const { buffer } = backend.heap.memory;
  const out = new Uint8Array(buffer, pointer, bytes).fill(0);
  for (const { rows, place } of parts) {
    for (const { first, count, block } of blocksOf(rows, dtype)) {
      for (let n = 0; n < count; n++) {
        const to = place(first + n);
        if (!(block instanceof Float32Array)) packQuantised(block, n, K, to, out);
        else if (dtype === 'f32') packF32(block, n, rows.K, K, to, out);
        else packBf16(block, n, rows.K, K, to, out);
      }
    }
  }
  return tf.engine().makeTensorFromTensorInfo(info);
});

/** Bytes before the four panels of which feature n's is one. */
function streamAt(dtype: WeightDtype, K: number, n: number): number {
  return Math.floor(n / (8 * together)) * streamBytes(dtype, K);
}

/** Which of four a feature's panel is. */
const panelOf = (n: number) => (n >> 3) % together;

/** Row n of a block of width `width` to feature `to`. */
function packF32(w: Float32Array, n: number, width: number, K: number, to: number, out: Uint8Array): void {
  const floats = new Float32Array(out.buffer, out.byteOffset, out.length / 4);
  const at = (to >> 3) * K * 8 + (to & 7);
  for (let k = 0; k < width; k++) floats[at + k * 8] = w[n * width + k];
}

function packBf16(w: Float32Array, n: number, width: number, K: number, to: number, out: Uint8Array): void {
  const halves = new Uint16Array(out.buffer, out.byteOffset, out.length / 2);
  const at = (to >> 4) * K * 16 + (to & 8) + (to & 3) * 2 + ((to & 4) >> 2);
  for (let k = 0; k < width; k++) halves[at + k * 16] = bf16Bits(w[n * width + k]);
}

function packQuantised(block: QuantisedMatrix, n: number, K: number, to: number, out: Uint8Array): void {
  const { dtype, K: width, scales, mins, scaleUnits, minUnits, values } = block;
  const { group, lowest, hasMin, mostSteps } = quantisedFormats[dtype];
  const halves = new Uint16Array(out.buffer, out.byteOffset, out.length / 2);
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length / 4);
  const inPlace = new Uint16Array(values.buffer, 0, values.buffer.byteLength >> 1);
  const [stream, panel, j] = [streamAt(dtype, K, to), panelOf(to), to & 7];
  const [units, step] = [unitBytes(dtype), panelStep(dtype)];
  const firstScale = n * Math.ceil(width / group);
  const firstUnit = n * Math.ceil(width / unitRows);
  const copied = new Int8Array(32);
  const copiedPairs = new Uint16Array(copied.buffer);
  for (let k = 0; k < width; k += 32) {
    const run = stream + Math.floor(k / unitSpan) * together * (units + (unitSpan / 32) * step);
    const at = run + together * units + (((k % unitSpan) / 32) * together + panel) * step;
    const scale = firstScale + k / group;
    if (mostSteps === 0) {
      halves[at / 2 + j] = float16Bits(scales[scale]);
      if (hasMin) halves[at / 2 + 8 + j] = float16Bits(mins[scale]);
    } else {
      const unit = firstUnit + Math.floor(k / unitRows);
      if (k % unitSpan === 0) {
        const unitsAt = (run + panel * units) / 2 + j;
        halves[unitsAt] = float16Bits(scaleUnits[unit]);
        if (hasMin) halves[unitsAt + 8] = float16Bits(minUnits[unit]);
      }
      out[at + j] = stepsOf(scales[scale], scaleUnits[unit]);
      if (hasMin) out[at + 8 + j] = stepsOf(mins[scale], minUnits[unit]);
      else if (k + 16 < width) out[at + 8 + j] = stepsOf(scales[scale + 1], scaleUnits[unit]);
    }
    // Whole pairs of k are moved at once: those that lie at an odd byte, or end within the group, are copied first.
    const from = values.byteOffset + n * width + k;
    const isInPlace = from % 2 === 0 && k + 32 <= width;
    if (!isInPlace) copied.fill(0).set(values.subarray(n * width + k, n * width + Math.min(k + 32, width)));
    const pairs = isInPlace ? inPlace : copiedPairs;
    const first = isInPlace ? from >> 1 : 0;
    const bits = valueBits[dtype];
    const valuesAt = at + headerBytes(dtype);
    if (bits === 8) for (let i = 0; i < 16; i++) halves[valuesAt / 2 + j + 8 * i] = pairs[first + i];
    else packWords(pairs, first, -lowest, bits, words, valuesAt / 4, j);
  }
}

/**
 * 16 pairs of values, each more by `raised`, to the words of feature j, whose panel's begin at `at` of `out`: a word of
 * the first of a pair and one of the second are 32 bits of it.
 */
function packWords(
  pairs: Uint16Array,
  first: number,
  raised: number,
  bits: 4 | 5 | 6,
  out: Uint32Array,
  at: number,
  j: number,
): void {
  const { words, each, pairs: runPairs } = wordFormats[bits];
  const spare = 16 - each * bits;
  const both = 0x10001; // times a number: it in both halves
  const isSpare = ((1 << spare) - 1) * both;
  const raise = raised * both;
  let to = at + (j >> 2) * (16 / runPairs) * words * 4 + (j & 3);
  for (let run = first; run < first + 16; run += runPairs) {
    let rest = 0;
    for (let i = words * each, up = 0; i < runPairs; i++, up += bits) {
      const pair = pairs[run + i];
      rest |= ((((pair & 0xff) | ((pair & 0xff00) << 8)) + raise) & 0xff00ff) << up;
    }
    let value = run;
    for (let word = 0; word < words; word++, to += 4) {
      let packed = (rest & isSpare) << (16 - spare);
      for (let up = 0; up < each * bits; up += bits, value++) {
        const pair = pairs[value];
        packed |= ((((pair & 0xff) | ((pair & 0xff00) << 8)) + raise) & 0xff00ff) << up;
      }
      // Without what crosses from the second half into the first.
      rest = (rest >>> spare) & ((0xffff >>> spare) * both);
      out[to] = packed;
    }
  }
}

registerJob<LinearInputs, LinearAttributes>('AttsLinear', ({ x, weight, bias, residual, norm }, attrs) => {
  const backend = simd();
  const { N, K, dtype, epsilon } = attrs;
  const M = x.shape[0] as number;
  const threads = threadsFor(M * N * K);
  const [normed, prepared, scales, tail] = backend.scratch(
    norm ? M * K * 4 : 0,
    ...preparedBytes(dtype, M, K),
    N % 8 === 0 ? 0 : M * 32 * threads,
  );
  const y = backend.output([M, N]);
  const at = (tensor?: tf.Tensor) => backend.pointerOrNull(tensor);
  backend.pool.run(
    'linear',
    // biome-ignore format: operands by their order
    [
      at(x), M, K, at(weight), N, dtypeCode[dtype], y.pointer, at(bias), at(residual), at(norm),
      0, normed, prepared, scales, tail,
    ],
    { 10: epsilon },
    threads,
  );
  return y.info;
});
