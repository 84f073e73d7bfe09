import { AttsError } from '../../errors.js';
import type { ScoreBank } from '../bank.js';
import type { Calibrator } from '../calibrator.js';
import { hasScores, type Rule, staticCalibrator } from './static.js';

/**
 * One bank, turn 0 of all problems and samples, for every chunk.
 *
 * Assumption: the chunk's score is exchangeable with the bank's. Guarantee: P(rejected) ≤ α (conformal), = α (smoothed),
 * on average over problems and banks; given one bank the rate is Beta-distributed around it (beta-binomial.ts). What breaks
 * it: turns ≥ 1, whose scores follow another law than turn 0's (in the published traces the rate then runs from 0.30 to 0.60
 * by turn), another dataset or model pair, and calibration on the evaluated problems.
 * Source: arXiv 2509.15148, eq. 13, marginal coverage.
 */
export function marginalCalibrator(rule: Rule, turns: readonly ScoreBank[]): Calibrator {
  const bank = turns[0];
  if (!hasScores(bank)) {
    throw new AttsError('run', 'marginal calibration needs a bank of turn-0 scores; run atts calibrate first');
  }
  return staticCalibrator('marginal', rule, () => bank);
}
