import {
  type Calibrator,
  type Decision,
  type Diagnostics,
  diagnose,
  type ScoreBank,
  type ScoredChunk,
} from '../conformal/index.js';
import { AttsError } from '../errors.js';
import type { Summary } from '../runs/records.js';
import { rejectionOf } from '../scaling/metrics.js';
import type { RecordedScore } from './recorded.js';

export type ReplayedDecision = RecordedScore & Decision;

export interface Replay {
  readonly decisions: readonly ReplayedDecision[];
  readonly rejection: NonNullable<Summary['rejection']>;
  readonly diagnostics: Diagnostics;
}

/**
 * What a rule would have decided on a recorded stream. The scores stay as recorded: a chunk that another decision would
 * have changed is not written anew, so a replay compares rules and their rates, not answers.
 *
 * @param stream in the order in which the rule sees it
 * @param rejectionRate the rate wanted of the calibrator
 * @param bankSize scores of the bank, for a rule that judges every chunk by one bank and learns nothing (`diagnose`)
 * @throws AttsError as the calibrator; `run` for a stream without a score
 */
export function replay(
  stream: readonly RecordedScore[],
  calibrator: Calibrator,
  rejectionRate: number,
  bankSize?: number,
): Replay {
  const decisions = decisionGroups(stream, calibrator).flatMap((group) => {
    const decided = calibrator.decide(group);
    return group.map((score, index) => ({ ...score, ...decided[index] }));
  });
  const diagnostics = diagnose(decisions, { alpha: rejectionRate, bankSize });
  const rejection = rejectionOf(diagnostics, calibrator);
  if (!rejection || !diagnostics) throw new AttsError('run', 'a stream without a score cannot be replayed');
  return { decisions, rejection, diagnostics };
}

/**
 * What a rule sees at a time: the neighbouring chunks of one problem and turn, as a barrier gathers them, where it ranks
 * them against each other, else one chunk.
 */
export function decisionGroups<Chunk extends ScoredChunk>(
  stream: readonly Chunk[],
  { name, learns }: Calibrator,
): Chunk[][] {
  if (name !== 'budget' || learns) return stream.map((chunk) => [chunk]);
  const groups: Chunk[][] = [];
  for (const chunk of stream) {
    const first = groups.at(-1)?.[0];
    if (first?.problem === chunk.problem && first.turn === chunk.turn) groups.at(-1)!.push(chunk);
    else groups.push([chunk]);
  }
  return groups;
}

/**
 * How many recorded percentiles differ from #{bank < score}/n by more than 1e-12: none, where the scores were recorded
 * against this bank. The bank is the marginal one, or the problem's own where there is no marginal one.
 */
export function countPercentileMismatches(
  stream: readonly RecordedScore[],
  { turns, questions }: { turns: ScoreBank[]; questions?: Map<string, ScoreBank> },
): number {
  return stream.filter(({ problem, score, percentile }) => {
    if (percentile === null) return false;
    const bank = turns[0] ?? questions?.get(problem);
    return bank === undefined || !(Math.abs(bank.countBelow(score) / bank.size - percentile) <= 1e-12);
  }).length;
}
