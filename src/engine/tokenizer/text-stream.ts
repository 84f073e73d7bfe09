import type { Tokenizer } from '../engine.js';

/** Text as it is generated: never half a character. Invalid UTF-8 becomes U+FFFD, as in `decode` of all ids at once. */
export class TextStream {
  private readonly bytes: Tokenizer['bytes'];
  private decoder = utf8Decoder();

  constructor({ bytes }: Pick<Tokenizer, 'bytes'>) {
    this.bytes = bytes;
  }

  /** @returns the text that is final with these ids; bytes of a character that is not complete wait for the next ones */
  push(ids: readonly number[]): string {
    return this.decoder.decode(this.bytes(ids), { stream: true });
  }

  /** Ends the text. @returns U+FFFD for bytes that still wait, else nothing */
  flush(): string {
    return this.decoder.decode();
  }
}

/** UTF-8 as a tokenizer means it: a byte order mark is a character like any other. */
export function utf8Decoder(): TextDecoder {
  return new TextDecoder('utf-8', { ignoreBOM: true });
}
