import { streamKey } from '../../engine/local/random.js';
import { groupBy } from '../../group-by.js';
import type { Problem } from '../problem.js';

export interface Parts {
  readonly test: readonly Problem[];
  readonly calibration: readonly Problem[];
}

/** What makes two problems the same question. */
function questionOf({ problem }: Problem): string {
  return problem.normalize('NFC').replace(/\s+/g, ' ').trim();
}

/**
 * Sets problems aside for calibration: at most `count` questions and at most a third of them, drawn at random by their
 * text alone. The draw is one for all runs (a bank of one seed is used with others), does not depend on the order of the
 * file, keeps equal questions on one side, and with a larger count takes more of the same.
 */
export function setAside(problems: readonly Problem[], count: number): Parts {
  const questions = [...new Set(problems.map(questionOf))];
  const ranks = new Map(questions.map((question) => [question, rankOf(question)]));
  const drawn = [...questions]
    .sort((a, b) => (ranks.get(a) as number) - (ranks.get(b) as number))
    .slice(0, Math.min(count, Math.floor(questions.length / 3)));
  const chosen = new Set(drawn);
  return {
    test: problems.filter((problem) => !chosen.has(questionOf(problem))),
    calibration: problems.filter((problem) => chosen.has(questionOf(problem))),
  };
}

function rankOf(question: string): number {
  const [high, low] = streamKey({ seed: 0, problem: question, sample: 0, role: 'calibration split' });
  // 53 bits: exact in a double.
  return high * 2 ** 21 + (low >>> 11);
}

/** Problems of a calibration split that the test asks too have no place in it. */
export function withoutTest(calibration: readonly Problem[], test: readonly Problem[]): Problem[] {
  const asked = new Set(test.map(questionOf));
  return calibration.filter((problem) => !asked.has(questionOf(problem)));
}

/** Ids of the problems that ask the same, a list a question. */
export function repeatedQuestions(problems: readonly Problem[]): string[][] {
  return [...groupBy(problems, questionOf).values()]
    .filter((group) => group.length > 1)
    .map((group) => group.map(({ id }) => id));
}
