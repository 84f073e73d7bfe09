import type { Tokenizer } from '../engine/engine.js';
import { TextStream } from '../engine/tokenizer/text-stream.js';

/** Where the first of the strings begins in a text, and which it is; null where none does. */
export function findStop(text: string, stops: readonly string[]): { at: number; stop: string } | null {
  let first: { at: number; stop: string } | null = null;
  for (const stop of stops) {
    const at = text.indexOf(stop);
    if (at >= 0 && (first === null || at < first.at)) first = { at, stop };
  }
  return first;
}

/**
 * Text as it is generated, without the stop string that ends it: what may be the beginning of one waits until it is
 * known not to be.
 */
export class StopText {
  private readonly stream: TextStream;
  private readonly stops: readonly string[];
  private waiting = '';
  private isOver = false;

  constructor(tokenizer: Pick<Tokenizer, 'bytes'>, stops: readonly string[]) {
    this.stream = new TextStream(tokenizer);
    this.stops = stops;
  }

  /** @returns the text that is final with these ids */
  push(ids: readonly number[]): string {
    return this.take(this.stream.push(ids));
  }

  /** Ends the text. @returns what still waited */
  flush(): string {
    const text = this.take(this.stream.flush());
    const rest = this.isOver ? '' : this.waiting;
    this.isOver = true;
    return text + rest;
  }

  private take(more: string): string {
    if (this.isOver) return '';
    const text = this.waiting + more;
    const found = findStop(text, this.stops);
    this.isOver = found !== null;
    const end = found ? found.at : text.length - this.possibleStop(text);
    this.waiting = text.slice(end);
    return text.slice(0, end);
  }

  /** Characters at the end of a text that a stop string may begin with. */
  private possibleStop(text: string): number {
    let most = 0;
    for (const stop of this.stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > most; length--) {
        if (text.endsWith(stop.slice(0, length))) most = length;
      }
    }
    return most;
  }
}
