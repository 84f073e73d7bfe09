import type { Tokenizer } from '../../engine/engine.js';

/**
 * A chain in the tokens of one of its models: its prompt, its own tokens as it generated them, and between them the
 * other's text in its encoding. Text is encoded together with the text of the other that goes before it, so that no
 * chunk begins where the tokenizer would not; lines that are complete are not encoded again, and tokens that stay the
 * same stay in the model's cache.
 */
export class Reading {
  private readonly tokenizer: Tokenizer;
  /** The prompt, and everything that is not encoded again. */
  private readonly settled: number[];
  /** The other's text since, and its encoding. */
  private tail = '';
  private tailIds: readonly number[] = [];

  constructor(tokenizer: Tokenizer, prompt: readonly number[]) {
    this.tokenizer = tokenizer;
    this.settled = [...prompt];
  }

  get ids(): number[] {
    return [...this.settled, ...this.tailIds];
  }

  /** Takes up what the model wrote itself. */
  own(ids: readonly number[]): void {
    this.settled.push(...this.tailIds, ...ids);
    this.setTail('');
  }

  /** Takes up what the other wrote. */
  foreign(text: string): void {
    const whole = this.tail + text;
    const end = endOfLines(whole);
    this.settled.push(...this.tokenizer.encodeContinuation(whole.slice(0, end)));
    this.setTail(whole.slice(end));
  }

  /** The chain with text of the other after it. A token that begins before the text and ends in it belongs to the text. */
  split(text: string): { before: number[]; ids: number[] } {
    const { tokenizer, settled, tail, tailIds } = this;
    const ids = tokenizer.encodeContinuation(tail + text);
    const border = commonLength(tokenizer.bytes(tailIds), tokenizer.bytes(ids));
    let count = 0;
    for (let at = 0; count < ids.length; count++) {
      at += tokenizer.bytes([ids[count]]).length;
      if (at > border) break;
    }
    return { before: [...settled, ...ids.slice(0, count)], ids: ids.slice(count) };
  }

  private setTail(text: string): void {
    this.tail = text;
    this.tailIds = this.tokenizer.encodeContinuation(text);
  }
}

/**
 * Up to where a text is complete lines that other text follows: there every published pattern ends a piece. White space
 * may be one piece with the line break before it.
 */
function endOfLines(text: string): number {
  for (let at = text.lastIndexOf('\n'); at >= 0; at = text.lastIndexOf('\n', at - 1)) {
    if (at + 1 < text.length && /\S/.test(text[at + 1])) return at + 1;
    if (at === 0) break;
  }
  return 0;
}

/** Bytes that are the same from the first on; normalisation may join characters across a border. */
function commonLength(a: Uint8Array, b: Uint8Array): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
