import type { GpuBench } from '../../kernels/bench/gpu.js';
import type { OpsBenchOptions } from '../../kernels/bench/index.js';

export type { GpuBench } from '../../kernels/bench/gpu.js';

/**
 * Times the WGSL kernels against the limits of the GPU, all by its own timestamps.
 * @throws AttsError `engine` where there is no adapter
 */
export async function benchGpu(options: OpsBenchOptions = {}): Promise<GpuBench> {
  // The backend's package is loaded by those alone who use it.
  const gpu = await import('../../kernels/bench/gpu.js');
  return gpu.benchGpu(options);
}
