/** Times every op on the webgpu backend against the device's limits, by timestamps of the device. */
import { chooseBackend, kernelBuild } from '../backends/choose.js';
import { webGpu } from '../backends/webgpu/index.js';
import { reasonToSkip, type SkippedCase, softwareBudget } from './gpu-budget.js';
import { compareFusions, type FusionResult } from './gpu-fusion.js';
import { measureGpuRoofs, medianDeviceTime } from './gpu-roofs.js';
import { benchSuites, type OpsBenchOptions } from './index.js';
import { againstRoofs, type BenchResult, type Roofs } from './measure.js';

export type { SkippedCase } from './gpu-budget.js';
export type { FusionResult } from './gpu-fusion.js';

export interface GpuBench {
  readonly build: string;
  /** An adapter that runs on the processor: its figures say nothing about GPUs. */
  readonly isSoftware: boolean;
  readonly roofs: Roofs;
  readonly results: readonly BenchResult[];
  /** What such an adapter would take too long for. */
  readonly skipped: readonly SkippedCase[];
  readonly fusions: readonly FusionResult[];
}

export interface GpuBenchOptions extends OpsBenchOptions {
  readonly onSkipped?: (skipped: SkippedCase) => void;
}

export async function benchGpu({ ops, onResult, onSkipped }: GpuBenchOptions = {}): Promise<GpuBench> {
  await chooseBackend('webgpu');
  const { isSoftware } = webGpu();
  const roofs = await measureGpuRoofs();
  const results: BenchResult[] = [];
  const skipped: SkippedCase[] = [];
  const budget = isSoftware ? 1000 * softwareBudget.run : Number.POSITIVE_INFINITY;
  for (const op of ops ?? Object.keys(benchSuites)) {
    const begun = performance.now();
    for (const bench of benchSuites[op]()) {
      const spent = (performance.now() - begun) / 1000;
      const why = isSoftware ? reasonToSkip(bench.cost, results, spent) : null;
      if (why !== null) {
        const { dtype, rows, shape } = bench;
        skipped.push({ op: bench.op, dtype, rows, shape, why });
        onSkipped?.(skipped[skipped.length - 1]);
        continue;
      }
      const { run, dispose } = bench.prepare();
      const result = againstRoofs(bench, await timeOf(run, budget), roofs);
      dispose();
      results.push(result);
      onResult?.(result);
    }
  }
  const fusions = await compareFusions();
  return { build: kernelBuild('webgpu'), isSoftware, roofs, results, skipped, fusions };
}

/**
 * Milliseconds of one run.
 * @param budget milliseconds that five repeats may take; else one run stands for all
 */
async function timeOf(run: () => void, budget: number): Promise<number> {
  const once = await medianDeviceTime(run, 1);
  if (5 * once > budget) return once;
  // A dispatch may be shorter than a timestamp's step: as many as take a millisecond or so.
  const calls = Math.max(1, Math.min(100, Math.ceil(1 / Math.max(once, 1e-3))));
  const ms = await medianDeviceTime(() => {
    for (let i = 0; i < calls; i++) run();
  });
  return ms / calls;
}
