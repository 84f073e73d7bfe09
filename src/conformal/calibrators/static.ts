import { AttsError } from '../../errors.js';
import type { ScoreBank } from '../bank.js';
import type { CalibrationName, Calibrator, Decision, ScoredChunk } from '../calibrator.js';
import { type PValueKind, pValue, smoothingUniform } from '../p-value.js';

/** What all rules share. */
export interface Rule {
  /** The wanted rejection rate. */
  readonly alpha: number;
  readonly pValue: PValueKind;
  /** Of the smoothed p-value's uniform. */
  readonly seed: number;
}

/**
 * A rule that never learns: p-value against the bank that belongs to the chunk, rejected iff p ≤ alpha. A decision
 * depends on its chunk alone, so any order, grouping or concurrency gives the same decisions.
 */
export function staticCalibrator(
  name: CalibrationName,
  rule: Rule,
  bankOf: (chunk: ScoredChunk) => ScoreBank,
): Calibrator {
  return {
    name,
    learns: false,
    decide(group): Decision[] {
      refuseNaN(group);
      return group.map((chunk) => {
        const p = pValueOf(chunk, bankOf(chunk), rule);
        return { p, alpha: rule.alpha, rejected: p <= rule.alpha };
      });
    },
    // Promised under exchangeability only: on an arbitrary sequence the rate can be anything.
    bound: () => null,
  };
}

/** @throws AttsError `run` for an empty bank */
export function pValueOf(chunk: ScoredChunk, bank: ScoreBank, { pValue: kind, seed }: Rule): number {
  return pValue(kind, bank, chunk.score, kind === 'smoothed' ? smoothingUniform(seed, chunk) : 0);
}

/** Checked for the whole group before the first decision: a rule must not have learned from half of a refused group. */
export function refuseNaN(group: readonly ScoredChunk[]): void {
  for (const { problem, sample, turn, score } of group) {
    if (Number.isNaN(score)) {
      throw new AttsError(
        'score',
        `problem ${problem}, sample ${sample}, turn ${turn}: the score is NaN; score it again`,
      );
    }
  }
}

export function hasScores(bank: ScoreBank | undefined): bank is ScoreBank {
  return bank !== undefined && bank.size > 0;
}
