import {
  loadRunDataset,
  needsCalibrationSplit,
  openEngines,
  type RunConfig,
  type ScaleResult,
  scale,
} from '../src/index.js';

/** Runs one configuration with fresh engines, so that nothing is left in the cache from an earlier run. */
export async function runMethod(config: RunConfig, label: string, out: string | null = null): Promise<ScaleResult> {
  const dataset = await loadRunDataset(config, 'test');
  const calibrationDataset = needsCalibrationSplit(config) ? await loadRunDataset(config, 'calibration') : undefined;
  const onNote = (note: string) => process.stderr.write(`${label}: ${note}\n`);
  const { close, ...engines } = await openEngines(config, { onNote });
  let lastLine = performance.now();
  try {
    return await scale({
      ...{ config, ...engines, dataset, calibrationDataset, out },
      onProgress({ phase, done, total }) {
        if (performance.now() - lastLine < 10_000) return;
        lastLine = performance.now();
        process.stderr.write(`${label} (${phase}): ${done}/${total}\n`);
      },
    });
  } finally {
    await close();
  }
}
