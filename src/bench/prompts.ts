/** What both sides of a comparison of models are asked. */

/** Tokens already there before a decode is timed. */
export const promptTokens = 64;

/** Tokens already there before a score is timed. */
export const scorePromptTokens = 16;

/** Ids below `vocabSize`; another seed, another prompt. */
export function someTokens(count: number, seed: number, vocabSize = 49_000): number[] {
  return Array.from({ length: count }, (_, i) => ((i + 1) * (7919 + 104 * seed)) % vocabSize);
}
