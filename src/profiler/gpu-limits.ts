import { z } from 'zod';
import { chooseBackend, kernelBuild } from '../../kernels/backends/choose.js';
import type { MachineRoofs } from './intensity.js';
import { measuredOnce } from './measured-once.js';

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
  return measuredOnce('gpu-limits', build, limitsSchema, again, async () => {
    // The backend's package is loaded by those alone who use it.
    const { measureGpuRoofs } = await import('../../kernels/bench/gpu-roofs.js');
    return { schema: 'atts.gpu-limits/1', build, ...(await measureGpuRoofs()) };
  });
}

export function gpuRoofs({ peak, bandwidth }: KnownGpuLimits): MachineRoofs {
  return { peak: peak * 1e9, bandwidth: bandwidth * 1e9 };
}
