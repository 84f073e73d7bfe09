/** The merging of byte-pair encodings. */

/** A vocabulary and the order in which neighbours become one. */
export interface PairModel {
  readonly idOf: ReadonlyMap<string, number>;
  /** Pairs by falling precedence, each with a space between; empty where scores decide. */
  readonly merges: readonly string[];
  /** Of two neighbours, less comes first; undefined for those that are never one. */
  readonly rankOf: (left: string, right: string) => number | undefined;
  /** A piece that is a token as a whole is not merged from parts. */
  readonly ignoreMerges: boolean;
  /** Characters without a token are spelt in tokens of bytes, `<0x0A>`. */
  readonly byteFallback: boolean;
  /** Stands for what nothing else does. */
  readonly unknown: string | null;
}

/** Ranks by place in a list of merges. */
export function ranksOf(merges: readonly string[]): PairModel['rankOf'] {
  const ranks = new Map<string, number>();
  // Where a pair occurs twice its last place counts, as in transformers.
  merges.forEach((merge, rank) => void ranks.set(merge, rank));
  return (left, right) => ranks.get(`${left} ${right}`);
}

/** SentencePiece: the neighbours whose union has the best score. */
export function ranksByScore(scoreOf: ReadonlyMap<string, number>): PairModel['rankOf'] {
  return (left, right) => {
    const score = scoreOf.get(left + right);
    return score === undefined ? undefined : -score;
  };
}

const longestCached = 64;
const mostCached = 20_000;

/** @returns the tokens of a piece of text; pieces are remembered */
export function pairEncoder(model: PairModel): (piece: string) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  return (piece) => {
    const before = known.get(piece);
    if (before) return before;
    const whole = model.ignoreMerges && model.idOf.has(piece);
    const tokens = whole ? [piece] : merge([...piece], model.rankOf).flatMap((symbol) => tokensOf(symbol, model));
    if (piece.length <= longestCached) {
      if (known.size >= mostCached) known.clear();
      known.set(piece, tokens);
    }
    return tokens;
  };
}

function tokensOf(symbol: string, { idOf, byteFallback, unknown }: PairModel): string[] {
  if (idOf.has(symbol)) return [symbol];
  if (byteFallback) {
    const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, '0');
    const bytes = [...new TextEncoder().encode(symbol)].map((byte) => `<0x${hex(byte)}>`);
    if (bytes.every((byte) => idOf.has(byte))) return bytes;
  }
  return unknown === null ? [] : [unknown];
}

/**
 * Merges neighbours by rank, the leftmost first among equals, until none can be: n log n for n symbols.
 * @param symbols is worked upon
 */
function merge(symbols: string[], rankOf: PairModel['rankOf']): string[] {
  const queue = new MergeQueue();
  const previous = symbols.map((_, i) => i - 1);
  const next = symbols.map((_, i) => i + 1);
  const end = symbols.length;
  const consider = (left: number): void => {
    const right = next[left];
    if (right >= end) return;
    const rank = rankOf(symbols[left], symbols[right]);
    if (rank !== undefined) queue.push({ rank, left, length: symbols[left].length + symbols[right].length });
  };
  for (let i = 0; i + 1 < end; i++) consider(i);
  for (let best = queue.pop(); best; best = queue.pop()) {
    const { left, length } = best;
    const right = next[left];
    // Either of the two has become part of another symbol since.
    if (symbols[left] === '' || right >= end || symbols[left].length + symbols[right].length !== length) continue;
    symbols[left] += symbols[right];
    symbols[right] = '';
    next[left] = next[right];
    if (next[left] < end) previous[next[left]] = left;
    consider(left);
    if (previous[left] >= 0) consider(previous[left]);
  }
  return symbols.filter((symbol) => symbol !== '');
}

interface Candidate {
  readonly rank: number;
  readonly left: number;
  /** UTF-16 units of the union: tells whether both are still what they were. */
  readonly length: number;
}

/** A binary heap. */
class MergeQueue {
  private readonly heap: Candidate[] = [];

  push(candidate: Candidate): void {
    const { heap } = this;
    let at = heap.push(candidate) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(candidate, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = candidate;
  }

  pop(): Candidate | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Candidate, b: Candidate): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.left < b.left);
}
