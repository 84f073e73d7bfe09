import type { Engine, Generation, Prefix, Tokenizer } from '../../engine/engine.js';
import { AttsError } from '../../errors.js';
import { Reading } from './reading.js';
import type { Author, Transcript } from './transcript.js';

/**
 * Two vocabularies: what passes between the models is text. Each has a prompt of its own, keeps its own tokens as it
 * generated them, and reads the other's text in its own encoding.
 */
export class TranslatedTranscript implements Transcript {
  private readonly engines: Readonly<Record<Author, Engine>>;
  private readonly readings: Readonly<Record<Author, Reading>>;
  text = '';

  constructor(engines: Readonly<Record<Author, Engine>>, prompts: Readonly<Record<Author, Prefix>>) {
    this.engines = engines;
    this.readings = {
      draft: new Reading(engines.draft.tokenizer, prompts.draft.ids),
      target: new Reading(engines.target.tokenizer, prompts.target.ids),
    };
    this.prompts = prompts;
  }

  private readonly prompts: Readonly<Record<Author, Prefix>>;

  get room(): number {
    const left = (author: Author) => this.engines[author].model.contextLength - this.readings[author].ids.length;
    return Math.min(left('draft'), left('target'));
  }

  prefix(author: Author): Prefix {
    const prompt = this.prompts[author];
    return { ...prompt, ids: this.readings[author].ids, text: prompt.text + this.text };
  }

  /**
   * A chunk that its length cut within a character goes back to the last whole one: nobody else could go on from there.
   * Its author, should it go on, draws the same tokens again, because random numbers belong to positions.
   */
  received(author: Author, generation: Generation): Generation {
    if (generation.finish !== 'length') return generation;
    const { tokenizer } = this.engines[author];
    const ids = generation.ids.slice(0, wholeCharacters(tokenizer, generation.ids));
    return ids.length === 0 ? generation : { ...generation, ids, text: tokenizer.decode(ids) };
  }

  textWith({ text }: Generation): string {
    return this.text + text;
  }

  addedBy({ text }: Generation): string {
    return text;
  }

  asScored({ text, finish }: Generation) {
    const { model, tokenizer } = this.engines.target;
    const { before, ids } = this.readings.target.split(text);
    // The draft's end of turn is judged as the target's.
    if (finish === 'stop-token') {
      if (tokenizer.stopIds.length === 0) throw new AttsError('score', `${model.id} has no end token to score`);
      ids.push(tokenizer.stopIds[0]);
    }
    if (before.length + ids.length > model.contextLength) return null;
    return {
      prefix: this.piece('target', before, this.prompts.target.text + this.text),
      chunk: this.piece('target', ids, text),
    };
  }

  keep(author: Author, { ids, text }: Pick<Generation, 'ids' | 'text'>): string {
    this.readings[author].own(ids);
    this.readings[author === 'draft' ? 'target' : 'draft'].foreign(text);
    this.text += text;
    return text;
  }

  keepCue(text: string): readonly number[] | null {
    const ids = this.engines.target.tokenizer.encodeContinuation(text);
    if (ids.length >= this.room) return null;
    this.keep('target', { ids, text });
    return ids;
  }

  end(): string {
    return '';
  }

  private piece(author: Author, ids: readonly number[], text: string): Prefix {
    return { ids, text, fingerprint: this.engines[author].tokenizer.fingerprint };
  }
}

/** How many of the ids, from the first on, end with a whole character; none if all are parts of one. */
export function wholeCharacters(tokenizer: Tokenizer, ids: readonly number[]): number {
  for (let count = ids.length; count > 0; count--) {
    if (!endsWithinCharacter(tokenizer.bytes(ids.slice(0, count)))) return count;
  }
  return 0;
}

/** Whether the bytes end in the first part of a character. Bytes that can be no character are not waited for. */
function endsWithinCharacter(bytes: Uint8Array): boolean {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back;
  }
  return false;
}
