import type { Alternative, Tokenizer } from '../engine/engine.js';

/** A token at its place, with its log-probability; null where nothing is before it. */
export interface JudgedToken {
  readonly id: number;
  readonly logProb: number | null;
  /** The most probable ones there. */
  readonly top: readonly Alternative[];
}

export function judgedTokens(
  ids: readonly number[],
  { logProbs = [], top = [] }: { logProbs?: readonly number[]; top?: readonly (readonly Alternative[])[] },
): JudgedToken[] {
  return ids.map((id, i) => ({ id, logProb: logProbs[i], top: top[i] ?? [] }));
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A token as one string, by which tokens can be told apart: its text; `bytes:\xe2\x82` where it is no whole character, as
 * OpenAI writes it; `token_id:511` where it has no text, as vLLM does.
 */
export function tokenLabel(tokenizer: Tokenizer, id: number): string {
  const bytes = tokenizer.bytes([id]);
  if (bytes.length === 0) return `token_id:${id}`;
  try {
    return strict.decode(bytes);
  } catch {
    return `bytes:${[...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
  }
}

/**
 * The alternatives at a token's place, the token itself among them with exactly the log-probability that it has as a
 * token: who looks for the most probable one compares the two.
 */
export function alternativesWith({ id, logProb, top }: JudgedToken): { id: number; logProb: number }[] {
  if (logProb === null) return [];
  const own = { id, logProb };
  return top.some((other) => other.id === id) ? top.map((other) => (other.id === id ? own : other)) : [...top, own];
}
