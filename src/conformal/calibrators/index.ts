import { AttsError } from '../../errors.js';
import type { ScoreBank } from '../bank.js';
import type { CalibrationName, Calibrator } from '../calibrator.js';
import type { PValueKind } from '../p-value.js';
import { marginalCalibrator } from './marginal.js';
import { onlineCalibrator } from './online.js';
import { perQuestionCalibrator } from './per-question.js';
import { perTurnCalibrator } from './per-turn.js';
import { rankCalibrator } from './rank.js';

export interface CalibratorOptions {
  name: CalibrationName;
  /** The wanted rejection rate, in [0, 1]. */
  alpha: number;
  /** Step size of the online rule; the others ignore it. */
  gamma: number;
  pValue: PValueKind;
  /** Of the smoothed p-value's uniform. */
  seed: number;
  /** turns[t]: scores of turn t; may be empty for `online` and `rank`. The banks are read, never changed. */
  banks: { turns: ScoreBank[]; questions?: Map<string, ScoreBank> };
  /** Online: the bank takes in the run's own scores (default true); false replays a trace against its own bank. */
  grow?: boolean;
}

/** @throws AttsError `config` for an impossible rate or step, `run` for a bank that the rule needs and lacks. */
export function makeCalibrator(options: CalibratorOptions): Calibrator {
  const { name, alpha, banks } = options;
  if (!(alpha >= 0 && alpha <= 1)) {
    throw new AttsError('config', `the rejection rate must lie between 0 and 1, got ${alpha}`);
  }
  switch (name) {
    case 'marginal':
      return marginalCalibrator(options, banks.turns);
    case 'per-turn':
      return perTurnCalibrator(options, banks.turns);
    case 'per-question':
      return perQuestionCalibrator(options, banks.questions);
    case 'online':
      return onlineCalibrator({ ...options, grow: options.grow ?? true }, banks.turns[0]);
    case 'rank':
      return rankCalibrator(alpha);
  }
}
