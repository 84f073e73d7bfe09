import { AttsError } from '../errors.js';
import type { BankProvenance } from './provenance.js';

/** One distinct score in a height-balanced (AVL) search tree. */
interface Entry {
  readonly score: number;
  /** How often the bank holds this very score. */
  copies: number;
  /** Weight of the copies together. */
  weight: number;
  /** Scores in this subtree, copies counted: what makes a rank one walk from the root. */
  total: number;
  /** Their weights together. */
  totalWeight: number;
  height: number;
  left: Entry | null;
  right: Entry | null;
}

/**
 * Calibration scores as a multiset that answers ranks while it grows: insertion and ranks take O(log n) in the worst
 * case. Infinite scores are legal (+Infinity is the worst score there is); NaN never is. A score may weigh more or less
 * than 1, which is the weight of a new score in its p-value.
 */
export class ScoreBank {
  readonly provenance: BankProvenance;
  private root: Entry | null;

  /**
   * @param weights one for each score, positive; 1 each unless given
   * @throws AttsError `score` for NaN
   */
  constructor(scores: Iterable<number> = [], provenance: BankProvenance = {}, weights?: readonly number[]) {
    this.provenance = provenance;
    const list = Float64Array.from(scores, checked);
    this.root = balanced(weights === undefined ? distinct(list.sort()) : distinctWeighted(list, weights), 0);
  }

  get size(): number {
    return total(this.root);
  }

  /** Of all scores; the number of scores unless they were given weights. */
  get totalWeight(): number {
    return totalWeight(this.root);
  }

  /** @throws AttsError `score` for NaN. */
  insert(score: number, weight = 1): void {
    this.root = inserted(this.root, checked(score), weight);
  }

  /** A bank of the same scores and weights that grows by itself. */
  clone(): ScoreBank {
    const bank = new ScoreBank([], this.provenance);
    bank.root = cloned(this.root);
    return bank;
  }

  /** #{bank < score} */
  countBelow(score: number): number {
    return this.size - this.countAtLeast(score);
  }

  /** #{bank ≥ score} */
  countAtLeast(score: number): number {
    return this.sumAtLeast(score, total, ({ copies }) => copies);
  }

  /** #{bank = score} */
  countEqual(score: number): number {
    return this.find(score)?.copies ?? 0;
  }

  /** Σ of the weights of {bank ≥ score}; `countAtLeast` unless scores were given weights. */
  weightAtLeast(score: number): number {
    return this.sumAtLeast(score, totalWeight, ({ weight }) => weight);
  }

  /** Σ of the weights of {bank = score} */
  weightEqual(score: number): number {
    return this.find(score)?.weight ?? 0;
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

  private sumAtLeast(score: number, ofTree: (tree: Entry | null) => number, ofEntry: (entry: Entry) => number): number {
    checked(score);
    let sum = 0;
    let entry = this.root;
    while (entry !== null) {
      if (entry.score >= score) {
        sum += ofTree(entry.right) + ofEntry(entry);
        entry = entry.left;
      } else {
        entry = entry.right;
      }
    }
    return sum;
  }

  private find(score: number): Entry | null {
    checked(score);
    let entry = this.root;
    while (entry !== null && entry.score !== score) entry = score < entry.score ? entry.left : entry.right;
    return entry;
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

function totalWeight(entry: Entry | null): number {
  return entry === null ? 0 : entry.totalWeight;
}

function height(entry: Entry | null): number {
  return entry === null ? 0 : entry.height;
}

function refreshed(entry: Entry): Entry {
  entry.total = entry.copies + total(entry.left) + total(entry.right);
  entry.totalWeight = entry.weight + totalWeight(entry.left) + totalWeight(entry.right);
  entry.height = 1 + Math.max(height(entry.left), height(entry.right));
  return entry;
}

function leaf(score: number, weight: number): Entry {
  return { score, copies: 1, weight, total: 1, totalWeight: weight, height: 1, left: null, right: null };
}

function distinct(sorted: Float64Array, weightAt: (index: number) => number = () => 1): Entry[] {
  const entries: Entry[] = [];
  sorted.forEach((score, index) => {
    const last = entries.at(-1);
    if (last !== undefined && last.score === score) {
      last.copies++;
      last.weight += weightAt(index);
    } else entries.push(leaf(score, weightAt(index)));
  });
  return entries;
}

function distinctWeighted(scores: Float64Array, weights: readonly number[]): Entry[] {
  if (weights.length !== scores.length || !weights.every((weight) => weight > 0 && Number.isFinite(weight))) {
    throw new RangeError('a score bank needs a positive weight for each of its scores');
  }
  // Compared, not subtracted: ∞ − ∞ is NaN.
  const order = Uint32Array.from(scores.keys()).sort(
    (a, b) => Number(scores[a] > scores[b]) - Number(scores[a] < scores[b]),
  );
  return distinct(
    Float64Array.from(order, (index) => scores[index]),
    (index) => weights[order[index]],
  );
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

function cloned(entry: Entry | null): Entry | null {
  return entry === null ? null : { ...entry, left: cloned(entry.left), right: cloned(entry.right) };
}

function inserted(entry: Entry | null, score: number, weight: number): Entry {
  if (entry === null) return leaf(score, weight);
  if (score === entry.score) {
    entry.copies++;
    entry.weight += weight;
  } else if (score < entry.score) entry.left = inserted(entry.left, score, weight);
  else entry.right = inserted(entry.right, score, weight);
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
