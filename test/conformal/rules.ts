import { ScoreBank } from '../../src/conformal/bank.js';
import type { CalibrationName, Calibrator, ScoredChunk } from '../../src/conformal/calibrator.js';
import { type CalibratorOptions, makeCalibrator } from '../../src/conformal/calibrators/index.js';

/** The worst score that there is, and the best. */
export const WORST = Number.POSITIVE_INFINITY;
export const BEST = Number.NEGATIVE_INFINITY;

/** A rule with a bank of four scores. */
export function rule(name: CalibrationName, rest: Partial<CalibratorOptions> = {}): Calibrator {
  const turns = [new ScoreBank([1, 2, 3, 4])];
  return makeCalibrator({
    ...{ name, alpha: 0.4, gamma: 0.05, pValue: 'conformal', seed: 0, banks: { turns } },
    ...rest,
  });
}

export function chunk(score: number, turn = 0, sample = 0): ScoredChunk {
  return { problem: 'a', sample, turn, score };
}
