/** What both sides of a comparison of models are asked. */

/** Tokens already there before a decode is timed. */
export const promptTokens = 64;

/** Ids of a vocabulary of 49,152; another seed, another prompt. */
export function someTokens(count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, i) => ((i + 1) * (7919 + 104 * seed)) % 49_000);
}
