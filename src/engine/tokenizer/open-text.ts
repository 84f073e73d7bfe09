import type { Tokenizer, TokenText } from '../engine.js';

/** A text from its begin, opened as the tokenizer opens one. */
export function openText({ encode, bosId, fingerprint }: Tokenizer, text: string): TokenText {
  const ids = encode(text);
  return { ids: bosId === null || ids[0] === bosId ? ids : [bosId, ...ids], text, fingerprint };
}
