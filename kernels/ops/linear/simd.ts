import * as tf from '@tensorflow/tfjs-core';
import { simd, simdNames } from '../../backends/simd/index.js';
import { registerFor } from '../../tfjs.js';
import { linearPacker, roundToBf16, type WeightDtype } from './index.js';
import type { QuantisedMatrix } from './quantise.js';
import type { LinearAttributes, LinearInputs } from './reference.js';
import { groupBytes, groupRows, interleaved, panelStep } from './tiles.js';

/** Codes of the dtypes in simd.as.ts. */
export const dtypeCode: Readonly<Record<WeightDtype, number>> = { f32: 0, bf16: 1, q8: 2, q4: 3 };

/** Below so many multiply-adds a job is done before another thread has heard of it. */
const smallestShared = 40_000;

/** Threads for a job of so many multiply-adds. */
export function threadsFor(multiplyAdds: number): number {
  return multiplyAdds < smallestShared ? 1 : simd().pool.threads;
}

/** Bytes of the areas that quantised weights need for M rows: 16-bit rows, and (scale, sum) a group. */
export function quantisedBytes(dtype: WeightDtype, M: number, K: number): [number, number] {
  if (dtype !== 'q8' && dtype !== 'q4') return [0, 0];
  const groups = Math.ceil(K / 32);
  return [M * groups * 64, M * groups * 8];
}

linearPacker.register(simdNames, (w, N, K, dtype) => {
  const backend = simd();
  const panels = Math.ceil(N / (8 * interleaved)) * interleaved;
  const bytes = (panels / interleaved) * Math.ceil(K / groupRows(dtype)) * groupBytes[dtype];
  const { info, pointer } = backend.output([bytes / 4]);
  const { buffer } = backend.heap.memory;
  const out = new Uint8Array(buffer, pointer, bytes).fill(0);
  if (!(w instanceof Float32Array)) packQuantised(w, out);
  else if (dtype === 'f32') packF32(w, N, K, out);
  else packBf16(w, N, K, out);
  return tf.engine().makeTensorFromTensorInfo(info);
});

/** Byte at which the values of feature n's panel begin, for group g of k. */
function panelAt(dtype: WeightDtype, K: number, n: number, g: number): number {
  const groups = Math.ceil(K / groupRows(dtype));
  const panel = n >> 3;
  return (Math.floor(panel / interleaved) * groups + g) * groupBytes[dtype] + (panel % interleaved) * panelStep[dtype];
}

/** [four panels][k][panel 4][8] */
function packF32(w: Float32Array, N: number, K: number, out: Uint8Array): void {
  const floats = new Float32Array(out.buffer, out.byteOffset, out.length / 4);
  for (let n = 0; n < N; n++) {
    const to = panelAt('f32', K, n, 0) / 4 + (n & 7);
    for (let k = 0; k < K; k++) floats[to + k * 32] = w[n * K + k];
  }
}

/** [four panels][k][panel 4][4] words, feature j in the low half, j + 4 in the high half. */
function packBf16(w: Float32Array, N: number, K: number, out: Uint8Array): void {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length / 4);
  const rounded = new Float32Array(K);
  const bits = new Uint32Array(rounded.buffer);
  for (let n = 0; n < N; n++) {
    for (let k = 0; k < K; k++) rounded[k] = roundToBf16(w[n * K + k]);
    const to = panelAt('bf16', K, n, 0) / 4 + (n & 3);
    const isHigh = (n & 4) !== 0;
    for (let k = 0; k < K; k++) words[to + k * 16] |= isHigh ? bits[k] : bits[k] >>> 16;
  }
}

/** Groups with their scales in front; see tiles.ts. */
function packQuantised({ dtype, N, K, scales, mins, values }: QuantisedMatrix, out: Uint8Array): void {
  const floats = new Float32Array(out.buffer, out.byteOffset, out.length / 4);
  const groups = Math.ceil(K / 32);
  for (let n = 0; n < N; n++) {
    const j = n & 7;
    const lane = (j >> 2) * 16 + (j & 3); // floats
    for (let g = 0; g < groups; g++) {
      const at = panelAt(dtype, K, n, g);
      floats[at / 4 + lane] = scales[n * groups + g];
      if (dtype === 'q4') floats[at / 4 + 32 + lane] = mins[n * groups + g];
      const count = Math.min(32, K - g * 32);
      for (let i = 0; i < count; i++) {
        const value = values[n * K + g * 32 + i];
        const pair = i >> 1;
        if (dtype === 'q8') out[at + 128 + pair * 64 + j * 2 + (i & 1)] = value;
        else out[at + 256 + (pair >> 1) * 64 + j * 2 + (i & 1)] |= value << ((pair & 1) * 4);
      }
    }
  }
}

registerFor<LinearInputs, LinearAttributes>(simdNames, 'AttsLinear', ({ x, weight, bias, residual, norm }, attrs) => {
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
    [
      ...[at(x), M, K, at(weight), N, dtypeCode[dtype], y.pointer, at(bias), at(residual), at(norm)],
      ...[0, normed, quantised, scales, tail],
    ],
    { 10: epsilon },
    threads,
  );
  return y.info;
});
