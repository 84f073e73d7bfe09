import { AttsError } from '../../src/errors.js';
import type { PageBackend } from './messages.js';

/** What the page computes on, and why not on WebGPU where that was wanted and is not there. */
export interface Chosen {
  readonly backend: 'webgpu' | 'simd';
  readonly note: string | null;
}

/**
 * WebGPU where there is an adapter; an adapter serves one device, so that this one is only looked at.
 * @param gpu the browser's `navigator.gpu`, if it has one
 * @throws AttsError `engine` where WebGPU was asked for and is not there
 */
export async function choose(wanted: PageBackend, gpu: Pick<GPU, 'requestAdapter'> | undefined): Promise<Chosen> {
  if (wanted === 'simd') return { backend: 'simd', note: null };
  if (await gpu?.requestAdapter().catch(() => null)) return { backend: 'webgpu', note: null };
  const note = gpu ? 'WebGPU found no adapter' : 'this browser has no WebGPU';
  if (wanted === 'webgpu') throw new AttsError('engine', `${note}; choose SIMD`);
  return { backend: 'simd', note };
}
