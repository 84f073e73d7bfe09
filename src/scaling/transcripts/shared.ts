import type { Engine, Generation, Prefix, Tokenizer } from '../../engine/engine.js';
import { TextStream } from '../../engine/tokenizer/text-stream.js';
import type { Author, Transcript } from './transcript.js';

/** One vocabulary: ids are passed on as they were generated, never encoded again. */
export class SharedTranscript implements Transcript {
  private readonly prompt: Prefix;
  private readonly tokenizer: Tokenizer;
  private readonly contextLength: number;
  private ids: number[] = [];
  /** A chunk may end within a character, which the next one completes: the text that is recorded waits for it. */
  private readonly stream: TextStream;
  private final = '';

  constructor(engines: readonly Engine[], prompt: Prefix) {
    this.prompt = prompt;
    this.tokenizer = engines[engines.length - 1].tokenizer;
    this.contextLength = Math.min(...engines.map(({ model }) => model.contextLength));
    this.stream = new TextStream(this.tokenizer);
  }

  get text(): string {
    return this.tokenizer.decode(this.ids);
  }

  get room(): number {
    return this.contextLength - this.prompt.ids.length - this.ids.length;
  }

  prefix(): Prefix {
    const { prompt, ids, text } = this;
    return { ...prompt, ids: [...prompt.ids, ...ids], text: prompt.text + text };
  }

  received(_author: Author, generation: Generation): Generation {
    return generation;
  }

  textWith({ ids }: Generation): string {
    return this.tokenizer.decode([...this.ids, ...ids]);
  }

  addedBy(generation: Generation): string {
    return this.textWith(generation).slice(this.final.length);
  }

  asScored({ ids, text, fingerprint }: Generation) {
    return { prefix: this.prefix(), chunk: { ids, text, fingerprint } };
  }

  keep(_author: Author, { ids }: Pick<Generation, 'ids'>): string {
    this.ids = [...this.ids, ...ids];
    const text = this.stream.push(ids);
    this.final += text;
    return text;
  }

  keepCue(text: string): readonly number[] | null {
    const ids = this.tokenizer.encodeContinuation(text);
    if (ids.length >= this.room) return null;
    this.keep('target', { ids });
    return ids;
  }

  end(): string {
    return this.stream.flush();
  }
}
