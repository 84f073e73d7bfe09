import { sha256 } from '../digest.js';
import { AttsError } from '../errors.js';
import type { ScoreBank } from './bank.js';
import type { ScoredChunk } from './calibrator.js';

export type PValueKind = 'conformal' | 'smoothed' | 'percentile';

/**
 * The p-value of a score against a bank of n scores; small = unusually bad (high). Scores may be infinite: +∞ is worse
 * than any finite score, −∞ better, and infinities of one sign tie.
 *
 * - `conformal`: (1 + #{bank ≥ s}) / (n + 1). Assumption: s and the bank are exchangeable. Guarantee: P(p ≤ α) ≤ α for
 *   every α, ties or not. Source: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, chapter 2.
 * - `smoothed`: (#{bank > s} + u·(#{bank = s} + 1)) / (n + 1), u uniform on [0, 1) and independent of the scores.
 *   Guarantee: p is exactly uniform under the same assumption. Source: the same chapter.
 * - `percentile`: #{bank ≥ s} / n, the reference implementation's rule told as a p-value: it rejects iff
 *   #{bank < s} / n ≥ 1 − α, which is p ≤ α. No guarantee: it misses the +1 (a score above the whole bank gets p = 0),
 *   and is here to reproduce published traces. Same order as `conformal`.
 *
 * In a bank with weights, counts and n are sums of weights and the 1 is the new score's own: (1 + Σ_{bank ≥ s} w) /
 * (1 + Σ w). What that needs and gives: `problemWeights`.
 *
 * What breaks the guarantees: scores of another turn, dataset, model pair or chunk length than the bank's.
 * @param u read by `smoothed` alone
 * @throws AttsError `run` for an empty bank, `score` for NaN
 */
export function pValue(kind: PValueKind, bank: ScoreBank, score: number, u: number): number {
  // Ranked first: a NaN is refused whatever the bank holds.
  const atLeast = bank.weightAtLeast(score);
  const n = bank.totalWeight;
  if (bank.size === 0)
    throw new AttsError('run', 'the score bank is empty; run atts calibrate first or use online calibration');
  switch (kind) {
    case 'conformal':
      return (1 + atLeast) / (n + 1);
    case 'smoothed': {
      const equal = bank.weightEqual(score);
      return (atLeast - equal + u * (equal + 1)) / (n + 1);
    }
    case 'percentile':
      return atLeast / n;
  }
}

/**
 * The u of a smoothed p-value, uniform on [0, 1). It is a hash of who asks and nothing else, so that a decision does not
 * depend on which decisions came before it.
 */
export function smoothingUniform(seed: number, { problem, sample, turn }: ScoredChunk): number {
  const name = JSON.stringify(['smoothed p-value', seed, problem, sample, turn]);
  const { buffer, byteOffset } = sha256(name);
  const words = new DataView(buffer, byteOffset);
  return (words.getUint16(0) * 2 ** 32 + words.getUint32(2)) / 2 ** 48;
}
