import type { ScoreBank } from '../bank.js';
import type { Calibrator } from '../calibrator.js';
import { entry, type FeedbackRule, feedbackCalibrator, Tally } from './feedback.js';

/**
 * Adaptive conformal inference: one rate for all chunks, α_{t+1} = α_t + γ(α − rejected_t), from α_1 = α. That is
 * α + γD with the deficit D of feedback.ts.
 *
 * Assumption: none. Guarantee: the bounds of feedback.ts, which need no wall here, since a rate of 1 rejects and one
 * below 0 accepts everything. What breaks it: nothing, for the overall rate; turns are not told apart, and their rates
 * differ as their scores do (0.31 to 0.47 in the published traces at α = 0.4).
 * Source: Gibbs and Candès 2021, Adaptive Conformal Inference Under Distribution Shift, eq. 2 and proposition 4.1.
 */
export function aciCalibrator(rule: FeedbackRule, start: ScoreBank | undefined): Calibrator {
  const { alpha, gamma } = rule;
  return feedbackCalibrator('aci', rule, start, { rate: (_, settled) => alpha + gamma * settled.deficit(alpha) });
}

/**
 * ACI with a rate per turn and one global correction: rejected iff p ≤ α_turn + g. α_turn starts at α, g at 0; after a
 * decision both move by γ(α − rejected), α_turn only for the chunk's turn.
 *
 * Assumption: none. Guarantee: the bounds of feedback.ts with up = down = M = max(α, 1 − α), so any W consecutive
 * decisions hold αW rejections to within 2M/γ + 1 + d. The walls are needed: with p ≤ α_turn + g and nothing else, an
 * adversary who drives some α_turn far up while g is low, and others far down while g is high, gets |g| to 1.09 with four
 * turns and 2.9 with fifteen (α = 0.4, γ = 0.05). They do not act on the published traces (|g| ≤ 0.56).
 * What breaks it: nothing, for the overall rate. A turn's rate is steered to α, not bounded, and stays off by what holds
 * its threshold in place: a turn that needs α_turn = α + x has to miss x/γ rejections for ever.
 * Source: the same; the correction per turn and the walls are ours.
 */
export function turnAciCalibrator(rule: FeedbackRule, start: ScoreBank | undefined): Calibrator {
  const { alpha, gamma } = rule;
  const reach = Math.max(alpha, 1 - alpha);
  const turns = new Map<number, Tally>();
  const tallyOf = (turn: number) => entry(turns, turn, () => new Tally());
  const law = {
    rate: ({ turn }: { turn: number }, settled: Tally) =>
      alpha + gamma * tallyOf(turn).deficit(alpha) + gamma * settled.deficit(alpha),
    learn: ({ turn }: { turn: number }, { rejected }: { rejected: boolean }) => tallyOf(turn).add(rejected),
  };
  return feedbackCalibrator('turn-aci', rule, start, law, { up: reach, down: reach });
}
