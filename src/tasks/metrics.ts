import type { Grader } from './grader.js';

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

/**
 * pass@k of one problem: the chance that at least one of k of its chains is right, 1 − C(n−c, k)/C(n, k) (unbiased: Chen
 * et al. 2021, arXiv 2107.03374, eq. 1); at k = 1 the share of right chains. Null where it has fewer than k chains.
 */
export function passAt(k: number, { correct, total }: Tally): number | null {
  if (total < k) return null;
  let allWrong = 1;
  for (let i = 0; i < k; i++) allWrong *= Math.max(0, total - correct - i) / (total - i);
  return 1 - allWrong;
}

/** Votes with the candidate that each is for; null for a chain without an answer. */
export interface Ballot {
  readonly candidates: readonly (number | null)[];
  readonly correct: readonly boolean[];
}

/**
 * Groups a problem's answers into candidates: an answer that says the same as the first answer of a candidate (as
 * grading sees it) is for the earliest such one. The grouping of the first k chains does not depend on those after them.
 */
export function ballotOf(votes: readonly Vote[], grade: Grader): Ballot {
  const firsts: string[] = [];
  const known = new Map<string, number>();
  const candidates = votes.map(({ answer }) => {
    if (answer === null) return null;
    let candidate = known.get(answer) ?? firsts.findIndex((first) => answer === first || grade(answer, first));
    if (candidate < 0) candidate = firsts.push(answer) - 1;
    known.set(answer, candidate);
    return candidate;
  });
  return { candidates, correct: votes.map(({ correct }) => correct) };
}

/**
 * maj@k of one problem: 1 where the majority answer of its first k chains is right, else 0 (self-consistency: Wang et al.
 * 2022, arXiv 2203.11171). The candidate first seen wins a tie and is right if its first chain is; a chain without an
 * answer has no vote, and where nobody votes the problem is wrong. Null where it has fewer than k chains.
 */
export function majAt(k: number, { candidates, correct }: Ballot): number | null {
  if (candidates.length < k) return null;
  const winner = majorityOf(candidates.slice(0, k));
  return winner !== null && correct[winner.first] ? 1 : 0;
}

/** The candidate with the most votes, among equals the one first seen: where its first vote is, and how many it has. */
export function majorityOf(candidates: Ballot['candidates']): { first: number; votes: number } | null {
  const entries = new Map<number, { first: number; votes: number }>();
  for (const [first, candidate] of candidates.entries()) {
    if (candidate === null) continue;
    const entry = entries.get(candidate);
    if (entry === undefined) entries.set(candidate, { first, votes: 1 });
    else entry.votes++;
  }
  let winner: { first: number; votes: number } | null = null;
  for (const entry of entries.values()) if (winner === null || entry.votes > winner.votes) winner = entry;
  return winner;
}
