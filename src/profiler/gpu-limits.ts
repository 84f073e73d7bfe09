import { createHash } from 'node:crypto';
import { z } from 'zod';
import { chooseBackend, kernelBuild } from '../../kernels/backends/choose.js';
import { readCached, writeCached } from '../user-cache.js';
import type { MachineRoofs } from './intensity.js';

const rate = z.number().positive();
const limitsSchema = z.object({
  schema: z.literal('atts.gpu-limits/1'),
  build: z.string(),
  measured: z.string(),
  /** GFLOP/s of float32 in registers. */
  peak: rate,
  /** GB/s of a buffer that no cache holds. */
  bandwidth: rate,
});

/** What a GPU gives, by its own timestamps, and when that was measured. */
export type KnownGpuLimits = z.infer<typeof limitsSchema>;

/**
 * The limits of the GPU of `--backend webgpu`: measured once an adapter and driver, then read from the user's cache.
 * @param again measures them whatever is in the cache
 * @throws AttsError `engine` where there is no GPU
 */
export async function gpuLimits(again = false): Promise<KnownGpuLimits> {
  const build = kernelBuild(await chooseBackend('webgpu'));
  const file = `gpu-limits-${createHash('sha256').update(build).digest('hex').slice(0, 12)}.json`;
  const known = again ? undefined : limitsSchema.safeParse(readCached(file)).data;
  if (known) return known;
  // The backend's package is loaded by those alone who use it.
  const { measureGpuRoofs } = await import('../../kernels/bench/gpu-roofs.js');
  const { peak, bandwidth } = await measureGpuRoofs();
  const measured: KnownGpuLimits = {
    ...{ schema: 'atts.gpu-limits/1', build, measured: new Date().toISOString(), peak, bandwidth },
  };
  writeCached(file, measured);
  return measured;
}

export function gpuRoofs({ peak, bandwidth }: KnownGpuLimits): MachineRoofs {
  return { peak: peak * 1e9, bandwidth: bandwidth * 1e9 };
}
