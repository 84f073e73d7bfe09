import type { GpuBench, GpuBenchOptions } from '../../kernels/bench/gpu.js';
import { benchedOps } from '../../kernels/bench/index.js';
import { benchedParts } from './index.js';
import { benchModel, type ModelBench, wholeModel } from './model.js';
import { smolLm2Shape } from './random-checkpoint.js';

export type { GpuBench } from '../../kernels/bench/gpu.js';

/** What an adapter that is a processor can do in the time: two layers and a small vocabulary of the same width. */
const partOfModel: ModelBench = {
  ...{ backend: 'webgpu', threads: 1, name: '135M llama, 2 of its 30 layers, 4,096 tokens' },
  shape: { ...smolLm2Shape, num_hidden_layers: 2, vocab_size: 4096 },
  ...{ dtypes: ['f32', 'q4'], mostRows: 64, budget: 4000 },
};

/**
 * Times the WGSL kernels against the limits of the GPU, by its own timestamps, and decode steps and scores of a model, the
 * engine's own work included.
 * @param ops some of `benchedParts`; all unless given
 * @throws AttsError `engine` where there is no adapter
 */
export async function benchGpu({ ops = benchedParts, ...options }: GpuBenchOptions = {}): Promise<GpuBench> {
  // The backend's package is loaded by those alone who use it.
  const gpu = await import('../../kernels/bench/gpu.js');
  const report = await gpu.benchGpu({ ...options, ops: ops.filter((op) => benchedOps.includes(op)) });
  if (!ops.includes('model')) return report;
  const model = report.isSoftware ? partOfModel : wholeModel('webgpu', 1);
  return { ...report, results: [...report.results, ...(await benchModel(model, () => report.roofs, options))] };
}
