import * as tf from '@tensorflow/tfjs-core';
import { simd, simdNames } from '../../backends/simd/index.js';
import { registerFor } from '../../tfjs.js';
import { linearPacker, roundToBf16, type WeightDtype } from './index.js';
import type { QuantisedMatrix } from './quantise.js';
import type { LinearAttributes, LinearInputs } from './reference.js';
import { panelBytes } from './tiles.js';

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
  const groups = Math.ceil(K / 32);
  const { perK, perGroup } = panelBytes[dtype];
  const panels = Math.ceil(N / 8);
  const bytes = panels * (perK * K + perGroup * groups);
  const { info, pointer } = backend.output([bytes / 4]);
  const { buffer } = backend.heap.memory;
  if (w instanceof Float32Array) {
    if (dtype === 'f32') packF32(w, N, K, new Float32Array(buffer, pointer, bytes / 4));
    else packBf16(w, N, K, new Uint32Array(buffer, pointer, bytes / 4));
  } else {
    packQuantised(w, new Uint8Array(buffer, pointer, bytes), new Float32Array(buffer, pointer, bytes / 4));
  }
  return tf.engine().makeTensorFromTensorInfo(info);
});

/** [panel][k][8] */
function packF32(w: Float32Array, N: number, K: number, out: Float32Array): void {
  out.fill(0);
  for (let n = 0; n < N; n++) {
    const to = (n >> 3) * K * 8 + (n & 7);
    for (let k = 0; k < K; k++) out[to + k * 8] = w[n * K + k];
  }
}

/** [panel][k][4] words: feature j in the low half, j + 4 in the high half. */
function packBf16(w: Float32Array, N: number, K: number, out: Uint32Array): void {
  out.fill(0);
  const rounded = new Float32Array(K);
  const bits = new Uint32Array(rounded.buffer);
  for (let n = 0; n < N; n++) {
    for (let k = 0; k < K; k++) rounded[k] = roundToBf16(w[n * K + k]);
    const to = (n >> 3) * K * 4 + (n & 3);
    const isHigh = (n & 4) !== 0;
    for (let k = 0; k < K; k++) out[to + k * 4] |= isHigh ? bits[k] : bits[k] >>> 16;
  }
}

/** Groups with their scales in front; see tiles.ts. */
function packQuantised(
  { dtype, N, K, scales, mins, values }: QuantisedMatrix,
  bytes: Uint8Array,
  floats: Float32Array,
): void {
  const groups = Math.ceil(K / 32);
  const size = panelBytes[dtype].perGroup;
  const header = dtype === 'q8' ? 32 : 64;
  bytes.fill(0);
  for (let n = 0; n < N; n++) {
    const j = n & 7;
    for (let g = 0; g < groups; g++) {
      const at = ((n >> 3) * groups + g) * size;
      floats[at / 4 + j] = scales[n * groups + g];
      if (dtype === 'q4') floats[at / 4 + 8 + j] = mins[n * groups + g];
      const count = Math.min(32, K - g * 32);
      for (let i = 0; i < count; i++) {
        const value = values[n * K + g * 32 + i];
        const pair = i >> 1;
        if (dtype === 'q8') bytes[at + header + pair * 16 + j * 2 + (i & 1)] = value;
        else bytes[at + header + (pair >> 1) * 16 + j * 2 + (i & 1)] |= value << ((pair & 1) * 4);
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
