import { type Calibrator, type Decision, type Diagnostics, diagnose, type ScoreBank } from '../conformal/index.js';
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
 * `budget` with a barrier sees the neighbouring scores of one problem and turn as a group, every other rule one score after
 * the other.
 * @param stream in the order in which the rule sees it
 * @param rejectionRate the rate wanted of the calibrator
 * @throws AttsError as the calibrator; `run` for a stream without a score
 */
export function replay(stream: readonly RecordedScore[], calibrator: Calibrator, rejectionRate: number): Replay {
  const groups =
    calibrator.name === 'budget' && !calibrator.learns ? turnGroups(stream) : stream.map((score) => [score]);
  const decisions = groups.flatMap((group) => {
    const decided = calibrator.decide(group);
    return group.map((score, index) => ({ ...score, ...decided[index] }));
  });
  const rejection = rejectionOf(decisions, { rejectionRate, calibration: calibrator.name }, calibrator);
  const diagnostics = diagnose(decisions, { alpha: rejectionRate });
  if (!rejection || !diagnostics) throw new AttsError('run', 'a stream without a score cannot be replayed');
  return { decisions, rejection, diagnostics };
}

function turnGroups(stream: readonly RecordedScore[]): RecordedScore[][] {
  const groups: RecordedScore[][] = [];
  for (const score of stream) {
    const first = groups.at(-1)?.[0];
    if (first?.problem === score.problem && first.turn === score.turn) groups.at(-1)!.push(score);
    else groups.push([score]);
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
