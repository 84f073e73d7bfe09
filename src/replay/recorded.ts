import { randomStream } from '../../models/abacus/random.js';
import type { ScoredChunk } from '../conformal/index.js';

/**
 * A score that some run recorded. Ours are mean nats per token; the reference implementation's are perplexities, which
 * rank alike, so each is compared as it is with a bank of its own kind.
 */
export interface RecordedScore extends ScoredChunk {
  /** #{bank < score} / n as the run wrote it; null where it wrote none. */
  readonly percentile: number | null;
}

/** Whole numbers by value (`9` before `10`), also within names. */
const collator = new Intl.Collator('en', { numeric: true });

/**
 * The stream by problem, turn and sample: what a run with a barrier after each turn would have decided in this order.
 * Attempts at one turn stay in the order recorded.
 * @param shuffleSeed the problems are put in an order drawn with this seed, each problem's scores staying together
 */
export function inQuestionOrder(stream: readonly RecordedScore[], shuffleSeed?: number): RecordedScore[] {
  const problems = [...new Set(stream.map(({ problem }) => problem))].sort(collator.compare);
  const place = new Map(
    (shuffleSeed === undefined ? problems : shuffled(problems, shuffleSeed)).map((problem, index) => [problem, index]),
  );
  return stream.toSorted(
    (a, b) => place.get(a.problem)! - place.get(b.problem)! || a.turn - b.turn || a.sample - b.sample,
  );
}

/** Fisher–Yates. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const { integer } = randomStream(seed, 'replay: order of problems');
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = integer(0, last);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}
