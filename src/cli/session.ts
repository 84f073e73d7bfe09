import {
  AttsError,
  type Dataset,
  loadRunDataset,
  needsCalibrationSplit,
  openEngines,
  type RunConfig,
  type RunEngines,
} from '../index.js';
import { warn } from './progress.js';

/** What a run needs, opened as its configuration says. */
export interface Session extends RunEngines {
  readonly dataset: Dataset;
  readonly calibrationDataset?: Dataset;
}

export async function openSession(config: RunConfig): Promise<Session> {
  const dataset = await loadRunDataset(config, 'test');
  const calibrationDataset = needsCalibrationSplit(config) ? await loadCalibrationSplit(config) : undefined;
  return { ...(await openEngines(config, { onNote: warn })), dataset, calibrationDataset };
}

async function loadCalibrationSplit(config: RunConfig): Promise<Dataset> {
  try {
    return await loadRunDataset(config, 'calibration');
  } catch (cause) {
    if (!(cause instanceof AttsError) || !cause.message.includes('no calibration split')) throw cause;
    const cures = '--bank FILE (atts calibrate makes one from other problems) or --calibrate-on test';
    throw new AttsError('usage', `${config.dataset} has no calibration split: give ${cures}`, { cause });
  }
}

/**
 * Runs the body with a signal that Ctrl-C aborts: the first one ends the run cleanly and says how to go on, the second
 * one ends the process.
 */
export async function interruptible<T>(resumeHint: string, body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(130);
    process.exitCode = 130;
    process.stderr.write('stopping; once more to stop at once\n');
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    return await body(controller.signal);
  } catch (error) {
    if (controller.signal.aborted) throw new AttsError('run', `interrupted; ${resumeHint}`, { cause: error });
    throw error;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
