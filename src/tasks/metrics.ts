import { mean } from '../statistics/index.js';
import { normalizeAnswer } from './grading.js';

/** One problem's chains. */
export interface Tally {
  readonly correct: number;
  readonly total: number;
}

/** One chain's vote. */
export interface Vote {
  readonly answer: string | null;
  readonly correct: boolean;
}

/** Share of chains that are right, each problem with equal weight; null without any chain. */
export function meanAt1(perProblem: readonly Tally[]): number | null {
  return passAt(1, perProblem);
}

/**
 * pass@k: the chance that at least one of k chains is right, 1 − C(n−c, k)/C(n, k) (unbiased: Chen et al. 2021, arXiv
 * 2107.03374, eq. 1), averaged over the problems that have k chains; null where none has.
 */
export function passAt(k: number, perProblem: readonly Tally[]): number | null {
  return meanOrNull(
    perProblem
      .filter(({ total }) => total >= k)
      .map(({ correct, total }) => {
        let allWrong = 1;
        for (let i = 0; i < k; i++) allWrong *= Math.max(0, total - correct - i) / (total - i);
        return 1 - allWrong;
      }),
  );
}

/**
 * maj@k: the share of problems whose majority answer among their first k chains is right (self-consistency: Wang et al.
 * 2022, arXiv 2203.11171). Answers with one normal form are one candidate, the candidate first seen wins a tie, and a
 * chain without an answer has no vote; a problem where nobody votes is wrong. Averaged over the problems that have k
 * chains; null where none has.
 */
export function majAt(k: number, perProblem: readonly (readonly Vote[])[]): number | null {
  return meanOrNull(
    perProblem.filter((votes) => votes.length >= k).map((votes) => (majorityIsCorrect(votes.slice(0, k)) ? 1 : 0)),
  );
}

function majorityIsCorrect(votes: readonly Vote[]): boolean {
  const candidates = new Map<string, { votes: number; correct: boolean }>();
  for (const { answer, correct } of votes) {
    if (answer === null) continue;
    const form = normalizeAnswer(answer);
    const candidate = candidates.get(form);
    if (candidate === undefined) candidates.set(form, { votes: 1, correct });
    else candidate.votes++;
  }
  let winner = { votes: 0, correct: false };
  for (const candidate of candidates.values()) if (candidate.votes > winner.votes) winner = candidate;
  return winner.correct;
}

function meanOrNull(values: readonly number[]): number | null {
  return values.length === 0 ? null : mean(values);
}
