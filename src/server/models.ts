import type { Engine, Prefix } from '../engine/engine.js';
import { openText } from '../engine/tokenizer/index.js';
import { HttpError } from './errors.js';

/** No token of a published vocabulary is that many characters long on average over a whole context. */
const mostCharactersPerToken = 32;

/** A model by the name that requests use. */
export interface ServedModel {
  readonly id: string;
  readonly engine: Engine;
  /** Longest sequence that its context and its KV cache hold, tokens. */
  readonly contextLength: number;
}

export function servedModel(engine: Engine): ServedModel {
  const { id, contextLength } = engine.model;
  return { id, engine, contextLength: Math.min(contextLength, engine.load?.cacheTokens ?? contextLength) };
}

/**
 * A prompt as it was given, text or ids.
 * @param room tokens that are to follow at least
 * @throws HttpError 400 for one that is empty or too long
 */
export function readPrompt(model: ServedModel, prompt: string | readonly number[], room: number): Prefix {
  const { tokenizer } = model.engine;
  if (typeof prompt !== 'string') {
    checkLength(model, prompt.length, room);
    return { ids: prompt, text: tokenizer.decode(prompt), fingerprint: tokenizer.fingerprint };
  }
  const prefix = openText(tokenizer, checkedText(model, prompt));
  checkLength(model, prefix.ids.length, room);
  return prefix;
}

/** A text that may be encoded: a very long one would keep the server from everything else only to be refused. */
export function checkedText({ contextLength }: ServedModel, text: string): string {
  if (text.length > mostCharactersPerToken * contextLength) {
    throw tooLong(`a text of ${text.length} characters`, contextLength);
  }
  return text;
}

export function checkLength({ contextLength }: ServedModel, tokens: number, room: number): void {
  if (tokens === 0) throw new HttpError(400, 'the prompt has no tokens', { param: 'prompt' });
  if (tokens + room > contextLength) throw tooLong(`a prompt of ${tokens} tokens`, contextLength);
}

function tooLong(what: string, contextLength: number): HttpError {
  return new HttpError(400, `${what} is too long for the context of ${contextLength} tokens`, {
    param: 'prompt',
    code: 'context_length_exceeded',
  });
}

/** The models that a server has; the first is meant where a request names none. */
export class ServedModels {
  readonly all: readonly ServedModel[];

  constructor(all: readonly ServedModel[]) {
    this.all = all;
  }

  /** @throws HttpError 404 */
  named(id: string | null | undefined): ServedModel {
    const model = id === null || id === undefined ? this.all[0] : this.all.find((served) => served.id === id);
    if (model) return model;
    const known = this.all.map((served) => served.id).join(', ');
    throw new HttpError(404, `there is no such model here; there is ${known}`, {
      param: 'model',
      code: 'model_not_found',
    });
  }
}
