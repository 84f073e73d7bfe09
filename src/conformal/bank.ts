import { AttsError } from '../errors.js';
import {
  BANK_SCHEMA,
  type BankProvenance,
  bankFileSchema,
  firstIssue,
  type StoredScore,
  storeScore,
} from './bank-format.js';

/** One distinct score in a height-balanced (AVL) search tree. */
interface Entry {
  readonly score: number;
  /** How often the bank holds this very score. */
  copies: number;
  /** Scores in this subtree, copies counted: what makes a rank one walk from the root. */
  total: number;
  height: number;
  left: Entry | null;
  right: Entry | null;
}

/**
 * Calibration scores as a multiset that answers ranks while it grows: insertion and ranks take O(log n) in the worst
 * case. Infinite scores are legal (+Infinity is the worst score there is); NaN never is.
 */
export class ScoreBank {
  readonly provenance: BankProvenance;
  private root: Entry | null;

  /** @throws AttsError `score` for NaN. */
  constructor(scores: Iterable<number> = [], provenance: BankProvenance = {}) {
    this.provenance = provenance;
    const sorted = Float64Array.from(scores, checked).sort();
    this.root = balanced(distinct(sorted), 0);
  }

  get size(): number {
    return total(this.root);
  }

  /** @throws AttsError `score` for NaN. */
  insert(score: number): void {
    this.root = inserted(this.root, checked(score));
  }

  /** #{bank < score} */
  countBelow(score: number): number {
    checked(score);
    let count = 0;
    let entry = this.root;
    while (entry !== null) {
      if (entry.score < score) {
        count += total(entry.left) + entry.copies;
        entry = entry.right;
      } else {
        entry = entry.left;
      }
    }
    return count;
  }

  /** #{bank ≥ score} */
  countAtLeast(score: number): number {
    return this.size - this.countBelow(score);
  }

  /** #{bank = score} */
  countEqual(score: number): number {
    checked(score);
    let entry = this.root;
    while (entry !== null && entry.score !== score) entry = score < entry.score ? entry.left : entry.right;
    return entry === null ? 0 : entry.copies;
  }

  /** All scores, ascending. */
  values(): number[] {
    const values: number[] = [];
    const visit = (entry: Entry | null): void => {
      if (entry === null) return;
      visit(entry.left);
      for (let copy = 0; copy < entry.copies; copy++) values.push(entry.score);
      visit(entry.right);
    };
    visit(this.root);
    return values;
  }

  /** A bank file with one turn. */
  toJSON(): { schema: typeof BANK_SCHEMA; provenance: BankProvenance; turns: StoredScore[][] } {
    return { schema: BANK_SCHEMA, provenance: this.provenance, turns: [this.values().map(storeScore)] };
  }

  /** @throws AttsError `run` for anything but a bank file with one turn and no per-question scores. */
  static fromJSON(value: unknown): ScoreBank {
    const parsed = bankFileSchema.safeParse(value);
    if (!parsed.success) throw new AttsError('run', `not a score bank (${BANK_SCHEMA}): ${firstIssue(parsed.error)}`);
    const { turns, questions, provenance } = parsed.data;
    if (turns.length !== 1 || questions !== undefined) {
      throw new AttsError('run', 'not a marginal score bank: expected one turn and no questions; use readBankFile');
    }
    return new ScoreBank(turns[0], provenance);
  }
}

/** The score itself, −0 as 0. NaN would compare false with everything and so slip through every rank. */
function checked(score: number): number {
  if (Number.isNaN(score)) throw new AttsError('score', 'a score is NaN: a failed score has no rank; score it again');
  return score + 0;
}

function total(entry: Entry | null): number {
  return entry === null ? 0 : entry.total;
}

function height(entry: Entry | null): number {
  return entry === null ? 0 : entry.height;
}

function refreshed(entry: Entry): Entry {
  entry.total = entry.copies + total(entry.left) + total(entry.right);
  entry.height = 1 + Math.max(height(entry.left), height(entry.right));
  return entry;
}

function distinct(sorted: Float64Array): Entry[] {
  const entries: Entry[] = [];
  for (const score of sorted) {
    const last = entries.at(-1);
    if (last !== undefined && last.score === score) last.copies++;
    else entries.push({ score, copies: 1, total: 1, height: 1, left: null, right: null });
  }
  return entries;
}

/** The tree of entries[from, to), the middle one on top. */
function balanced(entries: Entry[], from: number, to = entries.length): Entry | null {
  if (from >= to) return null;
  const middle = (from + to) >> 1;
  const entry = entries[middle]!;
  entry.left = balanced(entries, from, middle);
  entry.right = balanced(entries, middle + 1, to);
  return refreshed(entry);
}

function inserted(entry: Entry | null, score: number): Entry {
  if (entry === null) return { score, copies: 1, total: 1, height: 1, left: null, right: null };
  if (score === entry.score) entry.copies++;
  else if (score < entry.score) entry.left = inserted(entry.left, score);
  else entry.right = inserted(entry.right, score);
  return rebalanced(refreshed(entry));
}

/** Adelson-Velsky and Landis 1962: subtree heights differ by at most one, or a rotation makes them. */
function rebalanced(entry: Entry): Entry {
  const lean = height(entry.left) - height(entry.right);
  if (lean > 1) {
    if (height(entry.left!.left) < height(entry.left!.right)) entry.left = rotatedLeft(entry.left!);
    return rotatedRight(entry);
  }
  if (lean < -1) {
    if (height(entry.right!.right) < height(entry.right!.left)) entry.right = rotatedRight(entry.right!);
    return rotatedLeft(entry);
  }
  return entry;
}

function rotatedLeft(entry: Entry): Entry {
  const top = entry.right!;
  entry.right = top.left;
  top.left = refreshed(entry);
  return refreshed(top);
}

function rotatedRight(entry: Entry): Entry {
  const top = entry.left!;
  entry.left = top.right;
  top.right = refreshed(entry);
  return refreshed(top);
}
