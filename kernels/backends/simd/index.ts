import * as tf from '@tensorflow/tfjs-core';
import { type KernelBody, registerFor, type Tensors } from '../../tfjs.js';
import type { SimdBackend } from './backend.js';
import { plainBuild, selectBuild } from './builds.js';
import { mostThreads } from './control.js';
import { processors } from './host.js';

/**
 * One backend a build of the kernels: `simd` runs the fastest one that the machine has, `simd-plain` the one without
 * relaxed instructions, whose bits are the same on every machine.
 */
export const simdNames = ['simd', 'simd-plain'] as const;
export type SimdName = (typeof simdNames)[number];

const started = new Map<string, SimdBackend>();
const starting = new Map<string, Promise<void>>();

/**
 * Registers a backend, stock kernels and all. A second call, which may come before the first has ended, with another
 * number of threads changes the number.
 */
export async function registerSimd(name: SimdName, threads: number | null): Promise<void> {
  const before = starting.get(name);
  if (before) {
    await before;
    if (threads !== null) await simd(name).setThreads(threads);
    return;
  }
  const start = startSimd(name, threads);
  starting.set(name, start);
  // One that fails is tried again.
  start.catch(() => starting.delete(name));
  await start;
}

async function startSimd(name: SimdName, threads: number | null): Promise<void> {
  // It brings tfjs's CPU backend, a package that those alone load who run.
  const { SimdBackend } = await import('./backend.js');
  const build = await (name === 'simd' ? selectBuild() : plainBuild());
  const own = new SimdBackend(build, threads ?? Math.min(mostThreads, processors()));
  await own.begun;
  started.set(name, own);
  tf.registerBackend(name, () => own);
  await import('./ops.js');
  for (const kernel of tf.getKernelsForBackend('cpu')) {
    if (!tf.getKernel(kernel.kernelName, name)) {
      tf.registerKernel({ ...kernel, backendName: name, kernelFunc: withoutViews(own, kernel.kernelFunc) });
    }
  }
}

export function isSimd(name: string): name is SimdName {
  return (simdNames as readonly string[]).includes(name);
}

/** The active backend, for kernels that run on no other; or one that has been started. */
export function simd(name: string = tf.getBackend()): SimdBackend {
  return started.get(name) as SimdBackend;
}

/** Registers an op that runs as a job, in the memory where its weights or its cache lie. */
export function registerJob<I extends Tensors, A>(name: string, body: KernelBody<I, A>): void {
  registerFor<I, A>(simdNames, name, (inputs, attributes) => {
    const { cache } = attributes as { cache?: { data: object } };
    simd().enter(inputs, cache?.data);
    return body(inputs, attributes);
  });
}

/** Some CPU kernels give back a view of their input's values; a view of a block that is used again would change. */
function withoutViews(own: SimdBackend, kernel: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const result = kernel(call);
    for (const { dataId } of Array.isArray(result) ? result : [result]) own.keepOwn(dataId);
    return result;
  };
}
