import type { PairModel } from './pair-model.js';
import type { AddedToken } from './tokenizer-json.js';

/** How the strings of a vocabulary stand for bytes. */
export type Alphabet = 'byte-level' | 'sentencepiece';

/** SentencePiece writes a space as this character. */
export const spaceMark = '▁';

const utf8 = new TextEncoder();

/**
 * The characters by which byte-level vocabularies write bytes, after GPT-2: printable Latin-1 stands for itself, the other
 * bytes are numbered from U+0100.
 */
export const byteCharacters: readonly string[] = (() => {
  let next = 256;
  const isPrintable = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
})();
const byteOfCharacter = new Map(byteCharacters.map((character, byte) => [character, byte]));

/** The bytes a token stands for. Special tokens and ids without a token have none. */
export function tokenBytes(
  { idOf }: PairModel,
  addedTokens: readonly AddedToken[],
  alphabet: Alphabet,
): (id: number) => Uint8Array {
  const strings = stringsById(idOf);
  const added = new Map(addedTokens.map(({ id, content, special }) => [id, special ? '' : content]));
  const known = new Map<number, Uint8Array>();
  return (id) => {
    const before = known.get(id);
    if (before) return before;
    const content = added.get(id);
    const bytes = content === undefined ? bytesOfString(strings[id] ?? '', alphabet) : utf8.encode(content);
    known.set(id, bytes);
    return bytes;
  };
}

function bytesOfString(token: string, alphabet: Alphabet): Uint8Array {
  if (alphabet === 'byte-level') {
    return Uint8Array.from(
      [...token].flatMap((character) => byteOfCharacter.get(character) ?? [...utf8.encode(character)]),
    );
  }
  const byte = /^<0x([0-9A-F]{2})>$/.exec(token);
  return byte ? Uint8Array.of(Number.parseInt(byte[1], 16)) : utf8.encode(token.replaceAll(spaceMark, ' '));
}

/** Tokens by id; ids without one are holes. */
export function stringsById(idOf: PairModel['idOf']): string[] {
  const strings: string[] = [];
  for (const [token, id] of idOf) strings[id] = token;
  return strings;
}
