/**
 * Where packed weights lie. A panel is 8 features.
 *
 * - Floating ones lie in stripes of 32 bytes a k, about what memory brings while a tile multiplies them by four rows:
 *   f32: [panel][k][feature 8]; bf16: [two panels][k][panel 2][4] words, feature j in the low half, j + 4 in the high
 *   half. A tile reads a stripe from end to end, so that the prefetcher keeps ahead of it.
 * - Quantised ones have four panels interleaved, a group of 32 values of k after another: [panel 4](scales, then values).
 *   Scales are [8] float16, and as many minima; where they are multiples of units, [8] bytes, and as many for the minima
 *   or, of groups of 16, for the second scales; and the units, [panel 4]([8] float16, and as many for the minima), stand
 *   before every 128 of k. Values are [k pair 16][8][2] bytes (q8), or 16-bit words that hold a value of several pairs
 *   each (`wordFormats`): [features by four 2][word][4][2].
 */
import type { WeightDtype } from './index.js';
import { isQuantised, type QuantisedDtype, quantisedFormats } from './quantise.js';

/** Panels that few rows take together. */
export const together = 4;

/** Bytes of a stripe from one k to the next. */
export const stripeStep = 32;

/** Values of k before which units stand. */
export const unitSpan = 128;

/** Bits of a quantised value. */
export const valueBits: Readonly<Record<QuantisedDtype, 4 | 5 | 6 | 8>> = {
  ...{ q8: 8, q6: 6, q5: 5, q5k: 5, q4: 4, q4k: 4 },
};

/** Bytes of a panel's scales in front of a group. */
export function headerBytes(dtype: QuantisedDtype): number {
  const { hasMin, mostSteps } = quantisedFormats[dtype];
  return hasMin && mostSteps === 0 ? 32 : 16;
}

/** Bytes of a panel's units; 0 where there are none. */
export function unitBytes(dtype: QuantisedDtype): number {
  const { hasMin, mostSteps } = quantisedFormats[dtype];
  return mostSteps === 0 ? 0 : hasMin ? 32 : 16;
}

/** Bytes of one panel from the next: of one k, or of a group of 32. */
export function panelStep(dtype: WeightDtype): number {
  if (isQuantised(dtype)) return headerBytes(dtype) + valueBits[dtype] * 32;
  return dtype === 'f32' ? 32 : 16;
}

/** Bytes of four panels of K values. */
export function streamBytes(dtype: WeightDtype, K: number): number {
  if (!isQuantised(dtype)) return K * together * panelStep(dtype);
  const units = Math.ceil(K / unitSpan) * unitBytes(dtype);
  return together * (units + Math.ceil(K / 32) * panelStep(dtype));
}

/** Bytes of W[N, K] packed, with what its last panels are filled up by. */
export function packedBytes(N: number, K: number, dtype: WeightDtype): number {
  return Math.ceil(N / (8 * together)) * streamBytes(dtype, K);
}

/**
 * Words of 16 bits that the values of a run of k lie in: each holds `each` values from its low end on. The bits that they
 * have to spare at their upper ends, one word's after another's, are the run's last values.
 */
export interface WordFormat {
  readonly words: number;
  readonly each: number;
  /** k pairs of a run; every value of a pair has words of its own. */
  readonly pairs: number;
}

export const wordFormats: Readonly<Record<4 | 5 | 6, WordFormat>> = {
  4: { words: 4, each: 4, pairs: 16 },
  5: { words: 5, each: 3, pairs: 16 },
  6: { words: 3, each: 2, pairs: 8 },
};
