/** The interface of every rule that decides, chunk by chunk, whether the target intervenes. */

/** Where a score comes from. */
export interface ScoredChunk {
  readonly problem: string;
  readonly sample: number;
  /** 0-based. */
  readonly turn: number;
  /** Mean negative log-likelihood of the chunk under the target, nats per token. */
  readonly score: number;
}

export interface Decision {
  /** p-value of the score; small = the chunk is unusually bad. */
  readonly p: number;
  /** The rejection rate in force when the decision was made. */
  readonly alpha: number;
  /** p ≤ alpha: the target intervenes. */
  readonly rejected: boolean;
}

/** The rules, as the command line names them. */
export const calibrationNames = [
  ...(['marginal', 'per-question', 'per-turn'] as const),
  ...(['online', 'aci', 'turn-aci', 'dtaci', 'pid'] as const),
  'budget',
] as const;

export type CalibrationName = (typeof calibrationNames)[number];

export interface Calibrator {
  readonly name: CalibrationName;
  /** Whether a decision depends on the ones before it: a resumed run then shows the rule what was decided. */
  readonly learns: boolean;
  /**
   * Decides on one chunk and learns from it; a rule that ranks chunks against each other sees the whole group.
   * @throws AttsError `score` for a score that is NaN: a failed score is never an acceptance.
   */
  decide(group: readonly ScoredChunk[]): Decision[];
  /**
   * The published bound on |mean(rejected) − α| after T decisions, for any sequence of scores, or null where the rule
   * has none. `holds`: true at every T so far.
   */
  bound(): { value: number; holds: boolean } | null;
}
