import * as tf from '@tensorflow/tfjs-core';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { readAll } from '../../kernels/tfjs.js';

/** Values of what the body makes on a backend. */
export async function on(backend: 'webgpu' | 'simd' | 'cpu', body: () => tf.Tensor): Promise<tf.TypedArray> {
  await chooseBackend(backend);
  const before = tf.memory().numTensors;
  const made = tf.tidy(body);
  const [values] = await readAll([made]);
  made.dispose();
  const leaked = tf.memory().numTensors - before;
  if (leaked !== 0) throw new Error(`${leaked} tensors leaked on ${backend}`);
  return values;
}

/** The same on the GPU and, as the op's reference, on tfjs's CPU backend. */
export async function onBoth(body: () => tf.Tensor): Promise<{ gpu: tf.TypedArray; reference: tf.TypedArray }> {
  return { gpu: await on('webgpu', body), reference: await on('cpu', body) };
}

/** Largest difference, relative to the largest expected value. */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) throw new Error(`${found.length} values against ${expected.length}`);
  let error = 0;
  let largest = 0;
  for (let i = 0; i < found.length; i++) {
    const difference = Math.abs(found[i] - expected[i]);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    error = Math.max(error, difference);
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return error / largest;
}
