import { AttsError } from '../../errors.js';
import { ScoreBank } from '../bank.js';
import type { Calibrator, Decision, ScoredChunk } from '../calibrator.js';
import { pValue, smoothingUniform } from '../p-value.js';
import { type Rule, refuseNaN } from './static.js';

export interface OnlineRule extends Rule {
  /** Step size of both the turn's rate and the global correction. */
  readonly gamma: number;
  /** The bank takes in the run's own scores, each after its decision. */
  readonly grow: boolean;
}

/** Decisions and rejections so far. */
interface Tally {
  decisions: number;
  rejected: number;
}

/**
 * Adaptive conformal inference with a rate per turn and one global correction: rejected iff p ≤ α_turn + g. α_turn starts
 * at α, g at 0; after a decision both move by γ(α − rejected), α_turn only for the chunk's turn. The feedback is the
 * decision itself, so it is there at once and asynchrony costs nothing.
 *
 * Assumption: none; scores, turns and their order may be chosen by an adversary who sees every state.
 * Guarantee: after every number T of decisions
 *
 *     |mean(rejected) − α| ≤ (max(α, 1 − α) + γ) / (γT).
 *
 * Proof. g = γ(αT − #rejected), so the left side is |g| / (γT) and |g| ≤ M + γ, M = max(α, 1 − α), is to be shown. The
 * sum rule alone does not give that: with p ≤ α_turn + g and nothing else, an adversary who drives some α_turn far up
 * while g is low, and others far down while g is high, gets |g| to 1.09 with four turns and 2.9 with fifteen (α = 0.4,
 * γ = 0.05). Hence the guard: g ≥ M always rejects, g ≤ −M always accepts. A rejection lowers g by γ(1 − α) ≤ γ and an
 * acceptance raises it by γα ≤ γ. Above M it can only fall, below −M only rise, and from within [−M, M] one step leaves
 * the interval by at most γ. So |g| ≤ M + γ at every T. ∎ The guard does not act on the published traces (|g| ≤ 0.56).
 *
 * What breaks it: nothing, for the overall rate. The rate of a single turn is steered to α, not bounded; and neither says
 * that the rejected chunks are the bad ones: that is the p-value's work.
 *
 * The p-value's bank starts as the turn-0 bank, if there is one, and grows. While it is empty, nothing is known of any
 * score: p = 1, the conformal formula at n = 0 (for `smoothed`, u), and the thresholds alone decide.
 *
 * State is counts, not sums of steps, so it has no rounding drift; the same chunks in the same order rebuild it, which is
 * how a resumed run restores it.
 * Source: Gibbs and Candès 2021, Adaptive Conformal Inference Under Distribution Shift, eq. 2 and proposition 4.1.
 */
export function onlineCalibrator(rule: OnlineRule, start: ScoreBank | undefined): Calibrator {
  const { alpha, gamma } = rule;
  if (!(gamma > 0 && Number.isFinite(gamma))) {
    throw new AttsError('config', `gamma must be a positive number, got ${gamma}; 0.05 is the default`);
  }
  // A copy: another calibrator may read the caller's bank.
  const bank = start?.clone() ?? new ScoreBank();
  const guard = Math.max(alpha, 1 - alpha);
  const overall: Tally = { decisions: 0, rejected: 0 };
  const turns = new Map<number, Tally>();
  let holds = true;

  const correction = ({ decisions, rejected }: Tally): number => gamma * (alpha * decisions - rejected);
  const boundAfter = (decisions: number): number => (guard + gamma) / (gamma * decisions);

  /** The rate in force; beyond the guard a value that every, or no, p-value is under. */
  function threshold(turn: Tally): number {
    const g = correction(overall);
    const rate = alpha + correction(turn) + g;
    if (g >= guard) return Math.max(rate, 1);
    if (g <= -guard) return Math.min(rate, -1);
    return rate;
  }

  function decideOne(chunk: ScoredChunk): Decision {
    const turn = turns.get(chunk.turn) ?? { decisions: 0, rejected: 0 };
    turns.set(chunk.turn, turn);
    const u = smoothingUniform(rule.seed, chunk);
    const p = bank.size > 0 ? pValue(rule.pValue, bank, chunk.score, u) : rule.pValue === 'smoothed' ? u : 1;
    const rate = threshold(turn);
    const rejected = p <= rate;
    for (const tally of [overall, turn]) {
      tally.decisions++;
      if (rejected) tally.rejected++;
    }
    if (rule.grow) bank.insert(chunk.score);
    if (Math.abs(overall.rejected / overall.decisions - alpha) > boundAfter(overall.decisions)) holds = false;
    return { p, alpha: rate, rejected };
  }

  return {
    name: 'online',
    decide(group): Decision[] {
      refuseNaN(group);
      return group.map(decideOne);
    },
    /** Null before the first decision: there is no rate yet. */
    bound: () => (overall.decisions === 0 ? null : { value: boundAfter(overall.decisions), holds }),
  };
}
