import type { Chunk, Engine, Generation, Prefix } from '../../engine/engine.js';
import { SharedTranscript } from './shared.js';
import { TranslatedTranscript } from './translated.js';

export type Author = 'draft' | 'target';

/** The prompt of a chain as each of its models reads it. */
export type Prompts = Readonly<Partial<Record<Author, Prefix>>>;

/** What a chain has written so far, as its models read it and as it is recorded. */
export interface Transcript {
  /** The chain's text; bytes that are no character yet are U+FFFD. */
  readonly text: string;
  /** Tokens that still fit the shorter context. */
  readonly room: number;
  /** Everything so far, in the tokens of the model that goes on. */
  prefix(author: Author): Prefix;
  /** The generation as far as it can be judged and kept. */
  received(author: Author, generation: Generation): Generation;
  /** The chain's text with a generation after it. */
  textWith(generation: Generation): string;
  /** What a generation adds to the recorded text. */
  addedBy(generation: Generation): string;
  /** A draft chunk in the target's tokens; null where they do not fit its context. */
  asScored(generation: Generation): { readonly prefix: Prefix; readonly chunk: Chunk } | null;
  /** @returns the text that became final */
  keep(author: Author, generation: Pick<Generation, 'ids' | 'text'>): string;
  /** Text that no model wrote. @returns its ids for the target; null, and nothing kept, where there is no room */
  keepCue(text: string): readonly number[] | null;
  /** Ends the text. @returns U+FFFD for a character that was never completed, else nothing */
  end(): string;
}

export type Readers = Readonly<Record<Author, Engine | null>>;

/** Models of one vocabulary pass ids to each other; others pass text. */
export function openTranscript({ draft, target }: Readers, prompts: Prompts): Transcript {
  if (draft && target && !shareTokens(draft, target)) {
    return new TranslatedTranscript({ draft, target }, prompts as Required<Prompts>);
  }
  const engines = [draft, target].filter((engine) => engine !== null);
  return new SharedTranscript(engines, (prompts.draft ?? prompts.target) as Prefix);
}

export function shareTokens(draft: Engine, target: Engine): boolean {
  return draft.model.fingerprint === target.model.fingerprint;
}
