import * as tf from '@tensorflow/tfjs-core';
import { AttsError } from '../../src/errors.js';
import { automaticBackend } from './automatic.js';
import { kernelHashes } from './hashes.js';
import type { BackendChoice } from './names.js';
import { isSimd, registerSimd, simd } from './simd/index.js';
import { registerStock, stockBuild } from './stock.js';

/**
 * Makes a tfjs backend the active one. `auto` takes simd, our own kernels on threads; simd-plain is the same with bits
 * that no processor changes; webgpu runs our WGSL kernels on a GPU; tensorflow, wasm and cpu run the ops as their
 * references: to compare with, not to work with.
 * @param threads of the simd backends; null = as many as the machine runs at once
 * @returns the backend's name
 */
export async function chooseBackend(choice: BackendChoice, threads: number | null = null): Promise<string> {
  tf.enableProdMode(); // no banners, no checks of every value
  const name = choice === 'auto' ? automaticBackend().name : choice;
  if (isSimd(name)) {
    await registerSimd(name, threads);
  } else if (name === 'webgpu') {
    const { registerWebGpu } = await import('./webgpu/index.js');
    gpuBuild = await registerWebGpu();
  } else {
    await registerStock(name);
  }
  if (!(await tf.setBackend(name))) throw new AttsError('engine', `the ${name} backend does not start on this machine`);
  await tf.ready();
  return name;
}

/** Adapter and kernels of the webgpu backend, once it is started. */
let gpuBuild = '';

/** Makes a backend that `chooseBackend` has started the active one again. */
export function activate(name: string): void {
  // The promise is for backends that have yet to start; one that has started is active when the call returns.
  if (tf.getBackend() !== name) void tf.setBackend(name);
}

/**
 * What a backend's tensors belong to: another object once a lost device was replaced, and null as long as it is lost.
 * Backends without a device never lose it.
 */
export function deviceOf(backend: string): object | null {
  const own = tf.findBackend(backend) as (object & { isLost?: boolean }) | null;
  return own?.isLost ? null : own;
}

/** How often a backend's devices were lost because they had no memory left. */
export function shortagesOf(backend: string): number {
  return (tf.findBackend(backend) as { shortages?: number } | null)?.shortages ?? 0;
}

/**
 * Names what decides the last bits of a result: backend, tfjs release, our code of that backend (see `kernels/hash.ts`),
 * and then the compiled kernels of simd, the adapter of webgpu, the library of tensorflow. Tokens are promised to repeat
 * within one build, except on tensorflow.
 */
export function kernelBuild(backend: string): string {
  const name = (hash: string, own: string) => `${backend} tfjs-${tf.version_core} kernels-${hash} ${own}`.trim();
  if (backend === 'webgpu') return name(kernelHashes.webgpu, gpuBuild);
  if (!isSimd(backend)) return name(kernelHashes.references, stockBuild(backend));
  const { build } = simd(backend);
  return name(kernelHashes.simd, `${build.name}-${build.hash}`);
}
