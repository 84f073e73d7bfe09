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
    this.tail = '';
    this.tailIds = [];
  }

  /** Takes up what the other wrote. */
  foreign(text: string): void {
    this.tail += text;
    this.tailIds = this.tokenizer.encodeContinuation(this.tail);
    const lines = this.tail.slice(0, endOfLines(this.tail));
    const count = this.countWithin(this.tailIds, new TextEncoder().encode(lines).length);
    const ids = this.tailIds.slice(0, count);
    // Lines whose text the tokenizer normalises stay in the tail: their end is at another byte.
    if (this.tokenizer.decode(ids) !== lines) return;
    this.settled.push(...ids);
    this.tail = this.tail.slice(lines.length);
    this.tailIds = this.tailIds.slice(count);
  }

  /** The chain with text of the other after it. A token that begins before the text and ends in it belongs to the text. */
  split(text: string): { before: number[]; ids: number[] } {
    const { tokenizer, settled, tail, tailIds } = this;
    const ids = tokenizer.encodeContinuation(tail + text);
    const count = this.countWithin(ids, commonLength(tokenizer.bytes(tailIds), tokenizer.bytes(ids)));
    return { before: [...settled, ...ids.slice(0, count)], ids: ids.slice(count) };
  }

  /** How many of the ids, from the first on, end within so many bytes. */
  private countWithin(ids: readonly number[], bytes: number): number {
    let count = 0;
    for (let end = 0; count < ids.length; count++) {
      end += this.tokenizer.bytes([ids[count]]).length;
      if (end > bytes) break;
    }
    return count;
  }
}

/**
 * Up to where a text is complete lines that other text follows: there every published pattern begins a piece. White space
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
