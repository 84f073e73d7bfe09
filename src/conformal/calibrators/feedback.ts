import { AttsError } from '../../errors.js';
import { ScoreBank } from '../bank.js';
import type { CalibrationName, Calibrator, Decision, ScoredChunk } from '../calibrator.js';
import { smoothingUniform } from '../p-value.js';
import { pValueOf, type Rule, refuseNaN } from './static.js';

export interface FeedbackRule extends Rule {
  /** Step size: a deficit of 1/γ rejections moves the rate through its whole range. */
  readonly gamma: number;
  /** The bank takes in the run's own scores, each after its decision. */
  readonly grow: boolean;
  /** Decisions that may stand between a decision and its settlement: 0 where one process decides, more where several do. */
  readonly delay: number;
}

/** Decisions and rejections so far, as counts: sums of steps would drift by rounding. */
export class Tally {
  decisions = 0;
  rejected = 0;

  add(rejected: boolean): void {
    this.decisions++;
    if (rejected) this.rejected++;
  }

  /** Rejections that are missing to the rate α; negative where there were too many. */
  deficit(alpha: number): number {
    return alpha * this.decisions - this.rejected;
  }
}

/** What makes one feedback rule differ from another: the rate it wants in force, and what it learns from a decision. */
export interface Law {
  /** @param settled the decisions that count so far, this one and the delayed ones excluded */
  rate(chunk: ScoredChunk, settled: Tally): number;
  /** After the decision is settled. */
  learn?(chunk: ScoredChunk, decision: Decision): void;
}

/**
 * A rule that learns from its own decisions: rejected iff p ≤ the rate in force, which a law chooses, within two walls.
 * D = αT − #rejected is the deficit after T decisions. At D ≥ up/γ a chunk is rejected and at D ≤ −down/γ accepted,
 * whatever the law says; up = 1 − α and down = α unless a law needs wider ones.
 *
 * Assumption: none; scores, turns, problems and their order may be chosen by an adversary who sees every state.
 * Guarantee, whatever the law: at every T, with at most d decisions made and not settled when another one is made,
 *
 *     −down/γ − (1 − α)(1 + d)  ≤  D  ≤  up/γ + α(1 + d).
 *
 * Proof, upper side. The settled deficit S differs from D by the d decisions that are missing in it, of which each can
 * hide α at most: S ≥ D − αd. If D ≤ up/γ + αd before a decision, an acceptance takes it to at most up/γ + α(1 + d).
 * If D > up/γ + αd, then S > up/γ, the wall stands, the chunk is rejected and D falls. The lower side is its mirror. ∎
 * Neither the order in which decisions are settled nor how long each waits enters, only how many wait: asynchrony costs
 * d/T, and nothing where the decision itself is the feedback (d = 0). Two consequences, with M = max(α, 1 − α):
 *
 * - |mean(rejected) − α| ≤ (M + γ(1 + d)) / (γT) for up, down ≤ M: the published bound, at every T.
 * - Any W consecutive decisions hold αW rejections to within (up + down)/γ + 1 + d: the width of the interval of D. With
 *   up + down = 1, γ = 1/15 and d = 0 that is 16: every window of 200 within ±0.08.
 *
 * What breaks it: nothing, for the overall rate. That the rejected chunks are the bad ones is the p-value's work, and the
 * larger γ is, the less it has to say.
 *
 * The p-value's bank starts as the turn-0 bank, if there is one, and grows. While it is empty, nothing is known of any
 * score: p = 1, the conformal formula at n = 0 (for `smoothed`, u), and the rate alone decides. The same chunks in the
 * same order rebuild the state, which is how a resumed run restores it.
 * Source: the walls are those that ACI has by itself, Gibbs and Candès 2021, lemma 4.1; proof and windows are ours.
 */
export function feedbackCalibrator(
  name: CalibrationName,
  rule: FeedbackRule,
  start: ScoreBank | undefined,
  law: Law,
  walls = { up: 1 - rule.alpha, down: rule.alpha },
): Calibrator {
  const { alpha, gamma, delay } = rule;
  // A copy: another calibrator may read the caller's bank.
  const bank = start?.clone() ?? new ScoreBank();
  const made = new Tally();
  const settled = new Tally();
  const waiting: { chunk: ScoredChunk; decision: Decision }[] = [];
  let holds = true;

  const boundAfter = (decisions: number): number =>
    (Math.max(alpha, 1 - alpha) + gamma * (1 + delay)) / (gamma * decisions);

  /** Beyond a wall a rate that every, or no, p-value is under. */
  function rateFor(chunk: ScoredChunk): number {
    const rate = law.rate(chunk, settled);
    const pressure = gamma * settled.deficit(alpha);
    if (pressure >= walls.up - rounding) return Math.max(rate, 1);
    if (pressure <= rounding - walls.down) return Math.min(rate, -1);
    return rate;
  }

  const unknown = (chunk: ScoredChunk): number => (rule.pValue === 'smoothed' ? smoothingUniform(rule.seed, chunk) : 1);

  function settle(): void {
    const { chunk, decision } = waiting.shift()!;
    settled.add(decision.rejected);
    law.learn?.(chunk, decision);
  }

  function decideOne(chunk: ScoredChunk): Decision {
    const p = bank.size > 0 ? pValueOf(chunk, bank, rule) : unknown(chunk);
    const rate = rateFor(chunk);
    const decision = { p, alpha: rate, rejected: p <= rate };
    made.add(decision.rejected);
    if (Math.abs(made.deficit(alpha) / made.decisions) > boundAfter(made.decisions)) holds = false;
    waiting.push({ chunk, decision });
    if (waiting.length > delay) settle();
    if (rule.grow) bank.insert(chunk.score);
    return decision;
  }

  return {
    name,
    learns: true,
    decide(group): Decision[] {
      refuseNaN(group);
      return group.map(decideOne);
    },
    /** Null before the first decision: there is no rate yet. */
    bound: () => (made.decisions === 0 ? null : { value: boundAfter(made.decisions), holds }),
  };
}

/**
 * Correction of a rate by a deficit, quadratic and of the deficit's sign. A deficit of (1 − α)·width lifts the rate α to 1,
 * one of −α·width takes it to 0; with width = 1/γ these are the walls.
 */
export function pull(deficit: number, width: number, alpha: number): number {
  const range = deficit > 0 ? 1 - alpha : -alpha;
  return range === 0 ? 0 : deficit ** 2 / (range * width ** 2);
}

/** Of γ·(αT − #rejected), which is compared with walls that it can meet exactly. */
const rounding = 1e-12;

/** The entry of a key, made when it is first asked for. */
export function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

/** @throws AttsError `config` */
export function checkFeedback({ gamma, delay }: FeedbackRule): void {
  if (!(gamma > 0 && Number.isFinite(gamma))) {
    throw new AttsError('config', `gamma must be a positive number, got ${gamma}`);
  }
  if (!(Number.isInteger(delay) && delay >= 0)) {
    throw new AttsError('config', `delay must be a whole number of decisions, got ${delay}`);
  }
}
