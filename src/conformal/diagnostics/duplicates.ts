import { mean } from '../../statistics/index.js';

export interface Duplicates {
  readonly scores: number;
  readonly distinct: number;
  /** Share of the scores that repeat an earlier one. */
  readonly share: number;
  /** Repeats that continuous scores of this spread would have, by float32 rounding alone. */
  readonly expected: number;
  /** So many repeats come from continuous scores with probability below 0.001. */
  readonly alarm: boolean;
}

/** Rounding of a float32 near 1: logits and log-probabilities are computed in it. */
const FLOAT32_STEP = 2 ** -23;

/**
 * How many scores repeat another one. Continuous scores never do, but for rounding; an alarm means that sampling was
 * greedy, that seeds collided or a bank was merged with itself, or that chunks are so short that they repeat.
 *
 * Assumption behind `expected`: n independent scores, normal with the spread σ of the distinct finite ones. Two of them
 * then fall into one rounding step h with probability h / (2√π σ); the number of such pairs is nearly Poisson.
 * Source: the birthday problem (Arratia, Goldstein, Gordon 1989, Two moments suffice for Poisson approximations).
 */
export function duplicates(scores: readonly number[]): Duplicates {
  const values = new Set(scores);
  const repeats = scores.length - values.size;
  const finite = [...values].filter(Number.isFinite);
  const expected = finite.length < 2 ? 0 : (scores.length * (scores.length - 1) * coincidence(finite)) / 2;
  return {
    scores: scores.length,
    distinct: values.size,
    share: scores.length === 0 ? 0 : repeats / scores.length,
    expected,
    alarm: poissonTail(repeats, expected) < 1e-3,
  };
}

/** The chance that two scores round to one number. */
function coincidence(values: readonly number[]): number {
  const center = mean(values);
  const deviation = Math.sqrt(mean(values.map((value) => (value - center) ** 2)));
  return Math.min(1, (FLOAT32_STEP * Math.abs(center)) / (2 * Math.sqrt(Math.PI) * deviation));
}

/** Upper limit of P(X ≥ count), X Poisson (Chernoff; Mitzenmacher & Upfal 2005, theorem 5.4). */
function poissonTail(count: number, rate: number): number {
  return count <= rate ? 1 : Math.exp(count - rate - count * Math.log(count / rate));
}
