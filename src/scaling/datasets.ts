import type { Split } from '../../models/abacus/generator.js';
import type { RunConfig } from '../runs/config.js';
import { loadDataset } from '../tasks/datasets/index.js';
import type { Dataset } from '../tasks/problem.js';

/**
 * The problems that a run evaluates, or those that its calibration scores are drawn from. What is set aside for
 * calibration depends on the settings alone and not on the method, so that methods that are compared meet the same
 * problems.
 * @throws AttsError `dataset`
 */
export function loadRunDataset(config: RunConfig, split: Split): Promise<Dataset> {
  const { dataset, limit, seed, calibrateOn, calibrationProblems } = config;
  return loadDataset(dataset, {
    ...{ seed, split, limit: split === 'test' ? limit : calibrationProblems },
    calibrationProblems: calibrateOn === 'calibration' ? calibrationProblems : null,
  });
}
