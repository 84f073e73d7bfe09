import { AttsError } from '../errors.js';
import { ScoreBank } from './bank.js';
import type { BankFile } from './bank-format.js';

/** `none`: every score counts once. `problem`: every problem counts once, whatever its number of scores. */
export type BankWeights = 'none' | 'problem';

/**
 * Weights under which every problem counts once: 1/N for each of its N scores, relative to a new score's weight of 1.
 * The p-value is then (1 + Σ_k #{i: s_ki ≥ s}/N_k) / (K + 1) over K problems.
 *
 * Assumption: problems are exchangeable, and so are the scores of one problem; problems may have any, also random, numbers
 * of scores. Guarantee: P(p ≤ α) ≤ α for the score of one chunk of a new problem (`conformal`). What breaks it: equal
 * weights do (problems with many scores, such as long chains in a per-turn bank, then speak for all); `smoothed` keeps it
 * only to within 1/(K + 1), because the new problem's other scores are not known; `percentile` has none.
 * Source: Lee, Barber, Willett 2023, Distribution-free inference with hierarchical data (arXiv 2306.06342), HCP; as
 * weighted ranks, Tibshirani, Barber, Candès, Ramdas 2019, Conformal Prediction Under Covariate Shift, lemma 3.
 */
export function problemWeights(problems: readonly string[]): number[] {
  const counts = new Map<string, number>();
  for (const problem of problems) counts.set(problem, (counts.get(problem) ?? 0) + 1);
  return problems.map((problem) => 1 / counts.get(problem)!);
}

/**
 * The banks of a file, ready for `makeCalibrator`. Scores by question are scores of first chunks: a file that has no
 * others makes its turn-0 bank of them.
 * @throws AttsError `run` for weights by problem where the file does not tell the problems
 */
export function banksOf(
  file: BankFile,
  weights: BankWeights = 'none',
): { turns: ScoreBank[]; questions?: Map<string, ScoreBank> } {
  const { turns, problems } = scoresByTurn(file);
  if (weights === 'problem' && problems === undefined) {
    throw new AttsError(
      'run',
      'the score bank does not tell which problem a score is of, which weights by problem need; make it anew with atts calibrate',
    );
  }
  const banks = turns.map(
    (scores, turn) =>
      new ScoreBank(scores, file.provenance, weights === 'problem' ? problemWeights(problems![turn]) : undefined),
  );
  if (file.questions === undefined) return { turns: banks };
  const questions = Object.entries(file.questions).map(
    ([problem, scores]) => [problem, new ScoreBank(scores, file.provenance)] as const,
  );
  return { turns: banks, questions: new Map(questions) };
}

/** Scores by turn, with their problems if they are known. */
export function scoresByTurn({ turns, problems, questions }: BankFile): Pick<BankFile, 'turns' | 'problems'> {
  if (turns.length > 0 || questions === undefined) return { turns, problems };
  const entries = Object.entries(questions);
  return {
    turns: [entries.flatMap(([, scores]) => scores)],
    problems: [entries.flatMap(([problem, scores]) => scores.map(() => problem))],
  };
}
