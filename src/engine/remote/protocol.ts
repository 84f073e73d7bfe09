import { z } from 'zod';
import type { Prefix, TokenLogProbs } from '../engine.js';
import { Refused, Transient } from './failure.js';
import type { Exchange } from './fleet.js';

/** What a server says of the model that it serves. */
export interface Served {
  readonly model: string;
  /** Names by which the model's tokenizer may be found here, the best first. */
  readonly tokenizers: readonly string[];
  /** Tokens; null where the server does not say. */
  readonly contextLength: number | null;
  /** Of the server's program. */
  readonly version: string;
  readonly dtype: string;
}

export interface WriteJob {
  readonly prefix: Prefix;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly stop: readonly string[];
  readonly stopIds: readonly number[];
  readonly seed: number;
  /** Whether log-probabilities of the tokens are wanted, and so many alternatives of each. */
  readonly logProbs: boolean;
  readonly top: number;
}

export interface Written extends Partial<TokenLogProbs> {
  /** The tokens that were generated; null where the server tells only their text. */
  readonly ids: readonly number[] | null;
  readonly text: string;
  readonly finish: 'length' | 'stop-token' | 'stop-string';
  /** Tokens of the prompt as the server counts them; null where it does not say. */
  readonly prompt: number | null;
  /** Those of them that it did not compute. */
  readonly cached: number;
}

export interface ScoreJob {
  readonly prefix: readonly number[];
  readonly chunk: readonly number[];
  readonly top: number;
}

export interface Scored extends TokenLogProbs {
  readonly cached: number;
}

/** One way of asking a server for something; a start-up probe finds which of them it takes. */
export interface Way<Job, Result> {
  /** As notes and `models inspect` call it. */
  readonly name: string;
  /** What it is asked by, where that is not the tokens or the text of a prefix. */
  readonly takes?: 'messages';
  exchange(job: Job): Exchange<Result>;
}

/** How servers of one kind are spoken to. */
export interface Protocol {
  /** Path that answers as long as a server is well. */
  readonly health: string;
  /** Tokens of a server's context that a call must leave free. */
  readonly reserve: number;
  /** @param model the name that the user gave */
  describe(get: (path: string) => Promise<unknown>, base: string, model: string | null): Promise<Served>;
  /** In order of preference: ids both ways, before text. */
  writes(model: string): readonly Way<WriteJob, Written>[];
  scores(model: string): readonly Way<ScoreJob, Scored>[];
  /** Ids of a text by the server's own tokenizer, with or without an opening token. */
  encodes(model: string): readonly Way<string, readonly number[]>[];
}

/** @throws Transient `bad-answer` naming the place that is not as it should be */
export function read<T extends z.ZodType>(schema: T, answer: unknown): z.infer<T> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new Transient('bad-answer', `its answer is not what was asked for (${path.join('.') || 'all'}: ${message})`);
}

/** @throws Transient `bad-answer` where the server counted another number of tokens than it was sent or tells */
export function requireCount(what: string, counted: number | null | undefined, count: number): void {
  if (counted === null || counted === undefined || counted === count) return;
  throw new Transient('bad-answer', `it counts ${counted} tokens of ${what}, not ${count}`);
}

/** What a server may leave out. @returns null where it does not have it */
export async function optional<T>(ask: Promise<T>): Promise<T | null> {
  try {
    return await ask;
  } catch (cause) {
    if (cause instanceof Refused) return null;
    throw cause;
  }
}

/** Everything that a server's or a model's own defaults could change. */
export const plainSampling = { top_k: -1, min_p: 0, frequency_penalty: 0, presence_penalty: 0, repetition_penalty: 1 };

/** Ids of a text by a `/tokenize` like vLLM's, which SGLang has too. */
export const tokenizeExchange =
  (path: string, model: string) =>
  (text: string): Exchange<readonly number[]> => ({
    path,
    body: { model, prompt: text, add_special_tokens: false },
    read: (answer) => read(z.looseObject({ tokens: z.array(z.int()) }), answer).tokens,
  });
