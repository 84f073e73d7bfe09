/** Times every op on the webgpu backend against the device's limits, by timestamps of the device. */
import { chooseBackend, kernelBuild } from '../backends/choose.js';
import { webGpu } from '../backends/webgpu/index.js';
import { compareFusions, type FusionResult } from './gpu-fusion.js';
import { measureGpuRoofs, medianDeviceTime } from './gpu-roofs.js';
import { benchSuites, type OpsBenchOptions } from './index.js';
import { againstRoofs, type BenchResult, type Roofs } from './measure.js';

export type { FusionResult } from './gpu-fusion.js';

export interface GpuBench {
  readonly build: string;
  /** An adapter that runs on the processor: its figures say nothing about GPUs, and large cases are left out. */
  readonly isSoftware: boolean;
  readonly roofs: Roofs;
  readonly results: readonly BenchResult[];
  readonly leftOut: number;
  readonly fusions: readonly FusionResult[];
}

/** On a software adapter: operations of a case at most, and dtypes of which programs are compiled, which takes longest. */
const mostSoftwareFlops = 1e8;
const softwareDtypes: readonly string[] = ['f32', 'q4'];

export async function benchGpu({ ops, onResult }: OpsBenchOptions = {}): Promise<GpuBench> {
  await chooseBackend('webgpu');
  const { isSoftware } = webGpu();
  const roofs = await measureGpuRoofs();
  const results: BenchResult[] = [];
  let leftOut = 0;
  for (const op of ops ?? Object.keys(benchSuites)) {
    for (const make of benchSuites[op]()) {
      const bench = make();
      if (isSoftware && (bench.cost.flops > mostSoftwareFlops || !softwareDtypes.includes(bench.dtype))) {
        leftOut++;
      } else {
        // A dispatch may be shorter than a timestamp's step: as many as take a millisecond or so.
        const once = await medianDeviceTime(bench.run, 1);
        const calls = Math.max(1, Math.min(100, Math.ceil(1 / Math.max(once, 1e-3))));
        const ms = await medianDeviceTime(() => {
          for (let i = 0; i < calls; i++) bench.run();
        });
        const result = againstRoofs(bench, ms / calls, roofs);
        results.push(result);
        onResult?.(result);
      }
      bench.dispose();
    }
  }
  const fusions = await compareFusions();
  return { build: kernelBuild('webgpu'), isSoftware, roofs, results, leftOut, fusions };
}
