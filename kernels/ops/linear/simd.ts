import * as tf from '@tensorflow/tfjs-core';
import { registerJob, simd, simdNames } from '../../backends/simd/index.js';
import { bf16Bits } from './bf16.js';
import { linearPacker, type WeightDtype } from './index.js';
import { blocksOf } from './matrix.js';
import { isQuantised, type QuantisedMatrix, quantisedFormats } from './quantise.js';
import type { LinearAttributes, LinearInputs } from './reference.js';
import { groupBytes, groupRows, headerBytes, interleaved, packedBytes, panelStep } from './tiles.js';

/** Codes of the dtypes in simd.as.ts. */
export const dtypeCode: Readonly<Record<WeightDtype, number>> = {
  ...{ f32: 0, bf16: 1 },
  ...{ q8: 2, q6: 3, q5: 4, q4: 5 },
};

/** Below so many multiply-adds a job is done before another thread has heard of it. */
const smallestShared = 40_000;

/** Threads for a job of so many multiply-adds. */
export function threadsFor(multiplyAdds: number): number {
  return multiplyAdds < smallestShared ? 1 : simd().pool.threads;
}

/** Bytes of the areas that quantised weights need for M rows: 16-bit rows, and (scale, sum) a group. */
export function quantisedBytes(dtype: WeightDtype, M: number, K: number): [number, number] {
  if (!isQuantised(dtype)) return [0, 0];
  const groups = Math.ceil(K / 32);
  return [M * groups * 64, M * groups * 8];
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

/** Byte at which the values of feature n's panel begin, for group g of k. */
function panelAt(dtype: WeightDtype, K: number, n: number, g: number): number {
  const groups = Math.ceil(K / groupRows(dtype));
  const panel = n >> 3;
  return (Math.floor(panel / interleaved) * groups + g) * groupBytes[dtype] + (panel % interleaved) * panelStep[dtype];
}

/** Row n of a block of width `width` to feature `to`: [four panels][k][panel 4][8] */
function packF32(w: Float32Array, n: number, width: number, K: number, to: number, out: Uint8Array): void {
  const floats = new Float32Array(out.buffer, out.byteOffset, out.length / 4);
  const at = panelAt('f32', K, to, 0) / 4 + (to & 7);
  for (let k = 0; k < width; k++) floats[at + k * 32] = w[n * width + k];
}

/** [four panels][k][panel 4][4] words, feature j in the low half, j + 4 in the high half. */
function packBf16(w: Float32Array, n: number, width: number, K: number, to: number, out: Uint8Array): void {
  const halves = new Uint16Array(out.buffer, out.byteOffset, out.length / 2);
  const at = panelAt('bf16', K, to, 0) / 2 + (to & 3) * 2 + ((to & 4) >> 2);
  for (let k = 0; k < width; k++) halves[at + k * 32] = bf16Bits(w[n * width + k]);
}

/** Groups with their scales in front; see tiles.ts. */
function packQuantised(block: QuantisedMatrix, n: number, K: number, to: number, out: Uint8Array): void {
  const { dtype, K: width, scales, mins, values } = block;
  const { group, hasMin } = quantisedFormats[dtype];
  const floats = new Float32Array(out.buffer, out.byteOffset, out.length / 4);
  const groups = Math.ceil(width / group);
  const j = to & 7;
  const lane = (j >> 2) * 16 + (j & 3); // floats
  for (let k = 0, g = 0; k < width; k += 32, g++) {
    const at = panelAt(dtype, K, to, g);
    const first = n * groups + k / group;
    floats[at / 4 + lane] = scales[first];
    if (hasMin) floats[at / 4 + 32 + lane] = mins[first];
    else if (group === 16 && k + 16 < width) floats[at / 4 + 32 + lane] = scales[first + 1];
    const isWhole = k + 32 <= width;
    const q = isWhole ? values : padded(values.subarray(n * width + k, (n + 1) * width));
    const from = isWhole ? n * width + k : 0;
    let b = at + headerBytes(dtype) + j * 2;
    if (dtype === 'q4') {
      for (let i = from; i < from + 32; i += 4, b += 64) {
        out[b] = q[i] | (q[i + 2] << 4);
        out[b + 1] = q[i + 1] | (q[i + 3] << 4);
      }
    } else {
      for (let i = from; i < from + 32; i += 2, b += 64) {
        out[b] = q[i];
        out[b + 1] = q[i + 1];
      }
    }
  }
}

function padded(values: Int8Array): Int8Array {
  const group = new Int8Array(32);
  group.set(values);
  return group;
}

registerJob<LinearInputs, LinearAttributes>('AttsLinear', ({ x, weight, bias, residual, norm }, attrs) => {
  const backend = simd();
  const { N, K, dtype, epsilon } = attrs;
  const M = x.shape[0] as number;
  const threads = threadsFor(M * N * K);
  const [normed, quantised, scales, tail] = backend.scratch(
    norm ? M * K * 4 : 0,
    ...quantisedBytes(dtype, M, K),
    N % 8 === 0 ? 0 : M * 32 * threads,
  );
  const y = backend.output([M, N]);
  const at = (tensor?: tf.Tensor) => backend.pointerOrNull(tensor);
  backend.pool.run(
    'linear',
    // biome-ignore format: operands by their order
    [
      at(x), M, K, at(weight), N, dtypeCode[dtype], y.pointer, at(bias), at(residual), at(norm),
      0, normed, quantised, scales, tail,
    ],
    { 10: epsilon },
    threads,
  );
  return y.info;
});
