import { AttsError } from '../errors.js';
import type { BankFile } from './bank-format.js';
import { type BankProvenance, differencesText, provenanceDifferences } from './provenance.js';

/**
 * The scores of two banks as one, turn by turn and problem by problem.
 *
 * Assumption: both were drawn alike, from one law and independently; what their provenance says is checked.
 * @param options.force merges banks of different provenance, and records the fields in `provenance.forced`
 * @throws AttsError `config` naming the fields that differ, or why the two are not of a kind
 */
export function mergeBanks(a: BankFile, b: BankFile, options: { force?: boolean } = {}): BankFile {
  const differences = provenanceDifferences(a.provenance, b.provenance, { strict: true });
  const reasons = differences.length > 0 ? [differencesText(differences)] : [];
  if (isSameDraw(a.provenance, b.provenance))
    reasons.push(`both are of seed ${a.provenance.seed} and the same problems`);
  if (reasons.length > 0 && !options.force) {
    throw new AttsError('config', `the score banks were not drawn alike: ${reasons.join('; ')}; --force merges them`);
  }
  if ((a.questions === undefined) !== (b.questions === undefined)) {
    throw new AttsError('config', 'one score bank is by question and the other is not; merge two of a kind');
  }
  if (a.provenance.dataset !== b.provenance.dataset) refuseSharedProblems(a, b);
  const merged: BankFile = {
    schema: a.schema,
    provenance: commonProvenance(a.provenance, b.provenance, reasons),
    turns: joined(a.turns, b.turns),
  };
  // One list without problems leaves the whole without: weights by problem would be wrong.
  if (a.problems && b.problems) merged.problems = joined(a.problems, b.problems);
  if (a.questions && b.questions) merged.questions = joinedByKey(a.questions, b.questions);
  return merged;
}

/** Random numbers are keyed by seed and problem: such banks hold the same scores, not more of them. */
function isSameDraw(a: BankProvenance, b: BankProvenance): boolean {
  return a.seed !== undefined && a.seed === b.seed && a.datasetHash !== undefined && a.datasetHash === b.datasetHash;
}

/** What both say alike. */
function commonProvenance(a: BankProvenance, b: BankProvenance, reasons: readonly string[]): BankProvenance {
  const { forced: before = [], ...own } = a;
  const same = Object.entries(own).filter(([field, value]) => value === b[field as keyof BankProvenance]);
  const forced = [...before, ...(b.forced ?? []), ...reasons];
  return { ...Object.fromEntries(same), ...(forced.length > 0 ? { forced } : {}) };
}

function joined<T>(a: readonly T[][], b: readonly T[][]): T[][] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, turn) => [...(a[turn] ?? []), ...(b[turn] ?? [])]);
}

function joinedByKey(a: Record<string, number[]>, b: Record<string, number[]>): Record<string, number[]> {
  const all = new Map(Object.entries(a));
  for (const [problem, scores] of Object.entries(b)) all.set(problem, [...(all.get(problem) ?? []), ...scores]);
  return Object.fromEntries(all);
}

/** Problem 0 of one dataset is not problem 0 of another. */
function refuseSharedProblems(a: BankFile, b: BankFile): void {
  const problemsOf = ({ problems, questions }: BankFile) => [
    ...(problems?.flat() ?? []),
    ...Object.keys(questions ?? {}),
  ];
  const own = new Set(problemsOf(a));
  const shared = problemsOf(b).find((problem) => own.has(problem));
  if (shared === undefined) return;
  throw new AttsError(
    'config',
    `both score banks have a problem ${shared}, of different datasets; they cannot be merged`,
  );
}
