import { AttsError } from '../../errors.js';
import type { ScoreBank } from '../bank.js';
import type { Calibrator } from '../calibrator.js';
import { hasScores, type Rule, staticCalibrator } from './static.js';

/**
 * A bank for every turn (Mondrian, the turn being the category). A turn without scores of its own, as the late turns
 * that few calibration chains reach, uses the last earlier turn that has some.
 *
 * Assumption: a chunk's score is exchangeable with the bank's scores of the same turn. Guarantee: P(rejected | turn) ≤ α.
 * What breaks it: a turn beyond the calibrated ones, and a calibration run whose own decisions differ from this run's:
 * what turn 1 looks like depends on what was rejected at turn 0.
 * Source: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, chapter 4 (Mondrian conformal predictors).
 */
export function perTurnCalibrator(rule: Rule, turns: readonly ScoreBank[]): Calibrator {
  if (!hasScores(turns[0])) {
    throw new AttsError('run', 'per-turn calibration needs banks from turn 0 on; run atts calibrate first');
  }
  return staticCalibrator('per-turn', rule, ({ turn }) => turns.slice(0, turn + 1).findLast(hasScores)!);
}
