import { AttsError } from '../../errors.js';
import type { ScoreBank } from '../bank.js';
import type { CalibrationName, Calibrator } from '../calibrator.js';
import type { PValueKind } from '../p-value.js';
import { aciCalibrator, turnAciCalibrator } from './aci.js';
import { budgetCalibrator, expectedBudgetCalibrator } from './budget.js';
import { dtaciCalibrator } from './dtaci.js';
import { checkFeedback, type FeedbackRule } from './feedback.js';
import { marginalCalibrator } from './marginal.js';
import { onlineCalibrator } from './online.js';
import { perQuestionCalibrator } from './per-question.js';
import { perTurnCalibrator } from './per-turn.js';
import { pidCalibrator } from './pid.js';

export interface CalibratorOptions {
  name: CalibrationName;
  /** The wanted rejection rate, in [0, 1]. */
  alpha: number;
  /** Step size of the rules that learn from their decisions; null: the rule's own, see `defaultGamma`. */
  gamma?: number | null;
  pValue: PValueKind;
  /** Of the smoothed p-value's uniform. */
  seed: number;
  /** turns[t]: scores of turn t; may be empty for the rules that learn. The banks are read, never changed. */
  banks: { turns: ScoreBank[]; questions?: Map<string, ScoreBank> };
  /** Rules that learn: the bank takes in the run's own scores (default true); false replays a trace against its own bank. */
  grow?: boolean;
  /** Rules that learn: decisions that may be made before an earlier one is settled (default 0); see feedback.ts. */
  delay?: number;
  /** `budget`: whole groups come in, as at a barrier (default true); false: chunks one by one, as without any. */
  barrier?: boolean;
}

/** 1/15 keeps any 200 decisions within ±0.08 of the rate (feedback.ts); 0.05 is what ACI is published with here. */
export function defaultGamma(name: CalibrationName): number {
  return name === 'online' || name === 'budget' ? 1 / 15 : 0.05;
}

/** @throws AttsError `config` for an impossible rate or step, `run` for a bank that the rule needs and lacks. */
export function makeCalibrator(options: CalibratorOptions): Calibrator {
  const { name, alpha, pValue, seed, banks } = options;
  if (!(alpha >= 0 && alpha <= 1)) {
    throw new AttsError('config', `the rejection rate must lie between 0 and 1, got ${alpha}`);
  }
  const feedback: FeedbackRule = {
    ...{ alpha, pValue, seed },
    gamma: options.gamma ?? defaultGamma(name),
    grow: options.grow ?? true,
    delay: options.delay ?? 0,
  };
  checkFeedback(feedback);
  const start = banks.turns[0];
  switch (name) {
    case 'marginal':
      return marginalCalibrator(options, banks.turns);
    case 'per-turn':
      return perTurnCalibrator(options, banks.turns);
    case 'per-question':
      return perQuestionCalibrator(options, banks.questions);
    case 'online':
      return onlineCalibrator(feedback, start);
    case 'aci':
      return aciCalibrator(feedback, start);
    case 'turn-aci':
      return turnAciCalibrator(feedback, start);
    case 'dtaci':
      return dtaciCalibrator(feedback, start);
    case 'pid':
      return pidCalibrator(feedback, start);
    case 'budget':
      return (options.barrier ?? true) ? budgetCalibrator(alpha) : expectedBudgetCalibrator(feedback, start);
  }
}
