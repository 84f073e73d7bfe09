import type { ScoreBank } from '../bank.js';
import type { Calibrator } from '../calibrator.js';
import { type FeedbackRule, feedbackCalibrator } from './feedback.js';

/** Step sizes of the experts: those of the paper, each twice the one before. */
const steps = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128];
/** Decisions over which the mixture should do as well as its best expert; sets learning and mixing rate. */
const horizon = 500;

/**
 * Dynamically-tuned ACI: experts that run ACI with a step size each, α_i ← α_i + γ_i(α − [p ≤ α_i]), each by what it would
 * have decided itself. The rate in force is their mean, weighted by w_i ← (1 − σ)·w_i·exp(−η·loss_i) + σ·mean, where the
 * pinball loss α(p − α_i) − min(0, p − α_i) is least, in the mean, at the α-quantile of the p-values. η and σ are the
 * paper's for a horizon of 500 decisions.
 *
 * Assumption: none. Guarantee: on any stretch of the horizon's length the mean loss is near that of the best sequence of
 * rates that changes little (regret, the paper's theorem). The paper bounds the rate only in the limit of η, σ → 0, so it
 * has no bound at a given T, and with these settings none at all; ours comes from the walls of feedback.ts, placed by
 * `gamma`, which the experts do not use. What breaks it: nothing, for the overall rate; where the walls act often, the
 * experts do not describe the scores.
 * Source: Gibbs and Candès 2024, Conformal Inference for Online Prediction with Arbitrary Distribution Shifts (JMLR 25),
 * algorithm 1 with the weighted mean as its output, and section 3 for η and σ.
 */
export function dtaciCalibrator(rule: FeedbackRule, start: ScoreBank | undefined): Calibrator {
  const { alpha } = rule;
  const count = steps.length;
  // At α = 0 and 1 the walls decide everything; the floor keeps η finite there.
  const spread = Math.max(alpha * (1 - alpha), 1e-3);
  const eta = (Math.sqrt(3 / horizon) * Math.sqrt(Math.log(count * horizon) + 2)) / spread;
  const sigma = 1 / (2 * horizon);
  const rates = steps.map(() => alpha);
  /** Sum to 1. */
  let weights = steps.map(() => 1 / count);

  return feedbackCalibrator('dtaci', rule, start, {
    rate: () => rates.reduce((sum, rate, i) => sum + weights[i]! * rate, 0),
    learn(_, { p }) {
      const told = weights.map((weight, i) => weight * Math.exp(-eta * pinball(p - rates[i]!, alpha)));
      const total = told.reduce((sum, weight) => sum + weight, 0);
      weights = told.map((weight) => ((1 - sigma) * weight) / total + sigma / count);
      for (const [i, step] of steps.entries()) rates[i]! += step * (alpha - (p <= rates[i]! ? 1 : 0));
    },
  });
}

function pinball(excess: number, alpha: number): number {
  return alpha * excess - Math.min(0, excess);
}
