import * as tf from '@tensorflow/tfjs-core';
import { chooseBackend } from '../../kernels/backends/choose.js';
import type { BackendName } from '../../kernels/backends/names.js';
import {
  type LinearOptions,
  linear,
  type Matrix,
  packLinear,
  type WeightDtype,
} from '../../kernels/ops/linear/index.js';

/** Those that are tested: what every machine has, or the one that BACKEND names. */
export const backends = (
  process.env.BACKEND ? [process.env.BACKEND] : ['simd', 'simd-plain', 'wasm', 'cpu']
) as BackendName[];

/** Whether a row has the same bits in any batch: TensorFlow's sums depend on what stands beside them. */
export const keepsBits = (backend: BackendName): boolean => backend !== 'tensorflow';

/** Runs the body on a backend and checks that it leaves no tensor behind. */
export async function on<T>(backend: BackendName, body: () => T): Promise<T> {
  await chooseBackend(backend);
  const before = tf.memory().numTensors;
  const result = body();
  const leaked = tf.memory().numTensors - before;
  if (leaked !== 0) throw new Error(`${leaked} tensors leaked`);
  return result;
}

/** Repeatable values in (−1, 1). */
export function values(n: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Repeatable values of the standard normal distribution (Box–Muller). */
export function normal(n: number, seed = 1): Float32Array {
  const uniform = values(2 * n, seed).map((v) => (v + 1) / 2);
  return Float32Array.from(
    { length: n },
    (_, i) => Math.sqrt(-2 * Math.log(1 - uniform[2 * i])) * Math.cos(2 * Math.PI * uniform[2 * i + 1]),
  );
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}

/** x[M, K] · w[N, K]ᵀ, in double precision from its definition. */
export function product(x: Float32Array, w: Float32Array, M: number, N: number, K: number): Float32Array {
  const y = new Float32Array(M * N);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += x[m * K + k] * w[n * K + k];
      y[m * N + n] = sum;
    }
  }
  return y;
}

/** The same by `linear` on the active backend, of weights that are packed for it and then let go. */
export function linearOnce(
  x: Float32Array,
  w: Matrix,
  [M, N, K]: readonly [number, number, number],
  { dtype, bias, ...options }: LinearOptions & { dtype?: WeightDtype; bias?: Float32Array } = {},
): tf.Tensor {
  const weights = packLinear(w, N, K, bias, dtype);
  const y = linear(tf.tensor2d(x, [M, K]), weights, options);
  weights.dispose();
  return y;
}
