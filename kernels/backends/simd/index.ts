import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { SimdBackend } from './backend.js';
import { selectBuild } from './builds.js';
import { mostThreads } from './control.js';

export const simdName = 'simd';

let backend: SimdBackend | null = null;

/** Registers the backend, stock kernels and all. A second call with another number of threads changes the number. */
export async function registerSimd(threads: number | null): Promise<void> {
  if (backend) {
    if (threads !== null) await backend.setThreads(threads);
    return;
  }
  await import('@tensorflow/tfjs-backend-cpu');
  const own = new SimdBackend(selectBuild(), threads ?? Math.min(mostThreads, availableParallelism()));
  backend = own;
  tf.registerBackend(simdName, () => own);
  for (const kernel of tf.getKernelsForBackend('cpu')) {
    if (!tf.getKernel(kernel.kernelName, simdName)) {
      tf.registerKernel({ ...kernel, backendName: simdName, kernelFunc: withoutViews(own, kernel.kernelFunc) });
    }
  }
  await import('./ops.js');
}

/** The active backend, for kernels that run on no other. */
export function simd(): SimdBackend {
  return backend as SimdBackend;
}

/** Some CPU kernels give back a view of their input's values; a view of a block that is used again would change. */
function withoutViews(own: SimdBackend, kernel: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const result = kernel(call);
    for (const { dataId } of Array.isArray(result) ? result : [result]) own.keepOwn(dataId);
    return result;
  };
}
