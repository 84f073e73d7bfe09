import { AttsError } from '../../errors.js';
import type { ScoreBank } from '../bank.js';
import type { Calibrator } from '../calibrator.js';
import { hasScores, type Rule, staticCalibrator } from './static.js';

/**
 * A bank for every problem, from its own m first chunks sampled beforehand.
 *
 * Assumption: the chunk's score is exchangeable with those of the same problem's sampled first chunks, which holds at
 * turn 0 when they were sampled alike. Guarantee: P(rejected | problem) ≤ α. What breaks it: turns ≥ 1. Its resolution
 * is 1/(m + 1): with conformal p-values the rate is floor(α(m + 1))/(m + 1), and nothing is rejected when α < 1/(m + 1).
 * Source: arXiv 2509.15148, conditional coverage.
 */
export function perQuestionCalibrator(rule: Rule, questions: ReadonlyMap<string, ScoreBank> | undefined): Calibrator {
  if (questions === undefined || questions.size === 0) {
    throw new AttsError('run', 'per-question calibration needs a bank with questions; run atts calibrate first');
  }
  return staticCalibrator('per-question', rule, ({ problem }) => {
    const bank = questions.get(problem);
    if (!hasScores(bank)) {
      throw new AttsError('run', `the score bank has no scores of problem ${problem}; run atts calibrate on it first`);
    }
    return bank;
  });
}
