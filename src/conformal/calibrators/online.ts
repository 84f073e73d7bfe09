import type { ScoreBank } from '../bank.js';
import type { Calibrator } from '../calibrator.js';
import { entry, type FeedbackRule, feedbackCalibrator, pull, Tally } from './feedback.js';

/** Decisions for which the uniform law stands in while a turn's own p-values are few. */
const priorWeight = 50;
/**
 * Width of a turn's pull after n decisions: at 100 or more its full range stands where the rate is off by 0.03 upwards or
 * 0.02 downwards (α = 0.4). Before, chance alone is larger than that and nothing is gained by fighting it: wide at first.
 */
const turnWidth = (n: number): number => 0.05 * Math.max(n, 1000 - 9 * n);

/**
 * The default rule. Every turn learns the law of its own p-values, and the level θ at which that law is cut is pulled back
 * by what is missing to α, over all and in the turn:
 *
 *     rejected iff p ≤ Q_turn(θ),   θ = α + pull(D, 1/γ) + pull(D_turn, 0.05·max(n_turn, 1000 − 9·n_turn)),
 *
 * where Q_turn is the quantile of the turn's earlier p-values, with the uniform law mixed in at a weight of 50, D and
 * D_turn are the deficits αn − #rejected, and pull (feedback.ts) is quadratic: next to nothing while a deficit is small,
 * the whole range at the wall.
 *
 * Why not a rate per turn moved by γ (`turn-aci`): it holds a turn's threshold in place by a lasting deficit, so a turn
 * whose scores lie off the bank stays off the rate. Here the quantile holds it in place, and deficits only answer to
 * chance. And a linear correction spends its force where none is needed: the quadratic one lets the p-values decide until
 * the wall is near, so a larger γ costs less selection.
 *
 * Assumption: none. Guarantee: the bounds of feedback.ts. With γ = 1/15, the default, every window of 200 consecutive
 * decisions has a rate within ±0.08 of α, on any sequence and for any α. What breaks it: nothing, for these. A turn's rate
 * is steered, not bounded: an adversary, or a turn whose decisions all fall when the others hold the wall, can keep it off.
 * On the published traces, problems in any of 100 shuffled orders, turns with 100 decisions stay within ±0.03
 * (`make rejection-control`).
 * Source: walls and feedback of Gibbs and Candès 2021; a nonlinear pull that saturates at the wall as the integrator of
 * Angelopoulos, Candès, Tibshirani 2023; the quantile by turn is Mondrian (Vovk et al. 2005, chapter 4). The rule is ours.
 */
export function onlineCalibrator(rule: FeedbackRule, start: ScoreBank | undefined): Calibrator {
  const { alpha, gamma } = rule;
  const turns = new Map<number, { tally: Tally; law: LearnedLaw }>();
  const stateOf = (turn: number) => entry(turns, turn, () => ({ tally: new Tally(), law: new LearnedLaw() }));
  return feedbackCalibrator('online', rule, start, {
    rate({ turn }, settled) {
      const { tally, law } = stateOf(turn);
      const ofTurn = pull(tally.deficit(alpha), turnWidth(tally.decisions), alpha);
      const level = alpha + pull(settled.deficit(alpha), 1 / gamma, alpha) + ofTurn;
      return law.quantile(level);
    },
    learn({ turn }, { p, rejected }) {
      const { tally, law } = stateOf(turn);
      tally.add(rejected);
      law.learn(p);
    },
  });
}

/** The law of p-values seen so far, mixed with the uniform one. */
class LearnedLaw {
  private readonly ascending: number[] = [];

  learn(p: number): void {
    const place = partition(this.ascending.length, (i) => this.ascending[i]! < p);
    this.ascending.splice(place, 0, p);
  }

  /** The largest x with k·x + #{seen < x} ≤ level·(k + n), k the uniform law's weight; found in O(log n). */
  quantile(level: number): number {
    const seen = this.ascending;
    const mass = level * (priorWeight + seen.length);
    const below = partition(seen.length, (i) => priorWeight * seen[i]! + i + 1 < mass);
    return Math.min(seen[below] ?? Number.POSITIVE_INFINITY, (mass - below) / priorWeight);
  }
}

/** How many of 0 … n − 1 satisfy a condition that holds up to some point and not beyond. */
function partition(n: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
