import type { ScoreBank } from '../bank.js';
import type { Calibrator } from '../calibrator.js';
import { type FeedbackRule, feedbackCalibrator } from './feedback.js';

/** The integrator's gain, in rates: b, the range of a p-value. */
const integralGain = 1;
/** Saturation: at a deficit of c·π/2·(t + 1)/log(t + 1) the integrator alone moves the rate out of [0, 1]. */
const saturation = 0.5;

/**
 * Conformal PID control without its scorecaster (the D part): quantile tracking (P) plus error integration (I),
 *
 *     rate_{t+1} = α + γD_t + r_t(D_t),   r_t(x) = K·tan(x·log(t + 1) / (c(t + 1))), ±∞ beyond ±π/2,
 *
 * with D_t = Σ(α − rejected_s) after t decisions, K = 1, c = ½ (the paper's heuristic gives 0.54 for an error of 0.01 at
 * 1,000 decisions). The paper tracks a score threshold; here it is the p-value's, which turns every sign round.
 *
 * Assumption: none. Guarantee: r_t has the sign of its argument, so the rate lies beyond α + γD, and the bounds of
 * feedback.ts hold without a wall, as for ACI. The paper's own, from the integrator alone, is
 * |D_T| ≤ c·(π/2)·(T + 1)/log(T + 1) + 1: weaker beyond the first decisions. What breaks it: nothing, for the overall
 * rate; turns are not told apart.
 * Source: Angelopoulos, Candès, Tibshirani 2023, Conformal PID Control for Time Series Prediction (arXiv 2307.16895),
 * sections on quantile tracking and error integration.
 */
export function pidCalibrator(rule: FeedbackRule, start: ScoreBank | undefined): Calibrator {
  const { alpha, gamma } = rule;
  return feedbackCalibrator('pid', rule, start, {
    rate(_, settled) {
      const deficit = settled.deficit(alpha);
      return alpha + gamma * deficit + integral(deficit, settled.decisions);
    },
  });
}

function integral(deficit: number, decisions: number): number {
  const angle = (deficit * Math.log(decisions + 1)) / (saturation * (decisions + 1));
  return integralGain * Math.tan(Math.max(-quarterTurn, Math.min(quarterTurn, angle)));
}

/** Its tangent is the largest a double has, about 1.6e16: as good as infinite, and −∞ + ∞ cannot occur. */
const quarterTurn = Math.PI / 2;
