import { z } from 'zod';
import type { Alternative, TokenLogProbs } from '../engine.js';
import { Transient } from './failure.js';
import { read, requireCount, type Scored, type ScoreJob, type WriteJob, type Written } from './protocol.js';

const promptTokenSchema = z.record(
  z.string(),
  z.looseObject({ logprob: z.number(), rank: z.number().nullish(), decoded_token: z.string().nullish() }),
);
const logProbsSchema = z.looseObject({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullish(),
});
const choiceSchema = z.looseObject({
  text: z.string().nullish(),
  message: z.looseObject({ content: z.string().nullish() }).nullish(),
  finish_reason: z.string().nullish(),
  /** vLLM: the stop string, the stop token's id, or null at the model's own end token. */
  stop_reason: z.union([z.string(), z.number()]).nullish(),
  token_ids: z.array(z.int()).nullish(),
  prompt_token_ids: z.array(z.int()).nullish(),
  prompt_logprobs: z.array(promptTokenSchema.nullable()).nullish(),
  logprobs: logProbsSchema.nullish(),
});
const completionSchema = z.looseObject({
  choices: z.array(choiceSchema).min(1),
  usage: z
    .looseObject({
      prompt_tokens: z.int().nullish(),
      completion_tokens: z.int().nullish(),
      prompt_tokens_details: z.looseObject({ cached_tokens: z.int().nullish() }).nullish(),
    })
    .nullish(),
});
type Completion = z.infer<typeof completionSchema>;
type Choice = z.infer<typeof choiceSchema>;

/** What vLLM writes for a log-probability of minus infinity. */
const minusInfinity = -9999;

/** An answer with its one choice; of a chat its message is the text. */
export type Completed = Completion & { readonly choice: Choice };

export function completionOf(answer: unknown): Completed {
  const completion = read(completionSchema, answer);
  const [choice] = completion.choices;
  if (choice.finish_reason === 'abort' || choice.finish_reason === 'error') {
    throw new Transient('broken', 'gave the call up');
  }
  return { ...completion, choice: { ...choice, text: choice.text ?? choice.message?.content } };
}

const cachedIn = ({ usage }: Completion) => usage?.prompt_tokens_details?.cached_tokens ?? 0;

export function writtenIds(completion: Completed, { prefix, logProbs, top }: WriteJob): Written {
  const { token_ids: ids, text, finish_reason: reason, stop_reason: stopped, logprobs } = completion.choice;
  if (!ids) throw new Transient('bad-answer', 'its answer has no token_ids');
  requireCount('the prompt', completion.usage?.prompt_tokens, prefix.ids.length);
  requireCount('its answer', completion.usage?.completion_tokens, ids.length);
  return {
    ...{ ids, text: text ?? '', prompt: prefix.ids.length, cached: cachedIn(completion) },
    finish: reason === 'length' ? 'length' : typeof stopped === 'string' ? 'stop-string' : 'stop-token',
    ...(logProbs ? logProbsOf(logprobs, ids, top) : {}),
  };
}

/** Its log-probabilities are of the server's tokens, which need not be those that the text is encoded to here. */
export function writtenText(completion: Completed): Written {
  const { text, finish_reason: reason, logprobs } = completion.choice;
  if (typeof text !== 'string') throw new Transient('bad-answer', 'its answer has no text');
  return {
    ...{ ids: null, text, finish: reason === 'length' ? 'length' : 'stop-token' },
    ...{ prompt: completion.usage?.prompt_tokens ?? null, cached: cachedIn(completion) },
    logProbs: logprobs?.token_logprobs?.map(finite),
  };
}

export function scoredPrompt(completion: Completed, { prefix, chunk, top }: ScoreJob): Scored {
  const { prompt_logprobs: entries } = completion.choice;
  requireLength(entries?.length ?? 0, prefix.length + chunk.length);
  const places = (entries ?? []).slice(prefix.length);
  const logProbs = chunk.map((id, i) => finite(places[i]?.[id]?.logprob));
  const alternatives = places.map((place) =>
    mostProbable(
      Object.entries(place ?? {}).map(([id, { logprob }]) => [Number(id), logprob]),
      top,
    ),
  );
  return { logProbs, ...(top > 0 ? { top: alternatives } : {}), cached: cachedIn(completion) };
}

export function scoredEcho(completion: Completed, { prefix, chunk, top }: ScoreJob): Scored {
  const { logprobs } = completion.choice;
  const count = prefix.length + chunk.length;
  const written = (logprobs?.token_logprobs.length ?? 0) - count;
  // Some servers write a token whatever was asked.
  requireLength(written === 1 ? count : count + written, count);
  requireCount('the prompt', completion.usage?.prompt_tokens, count);
  const of = logprobs && {
    tokens: logprobs.tokens.slice(prefix.length, count),
    token_logprobs: logprobs.token_logprobs.slice(prefix.length, count),
    top_logprobs: logprobs.top_logprobs?.slice(prefix.length, count),
  };
  return { ...logProbsOf(of, chunk, top), cached: cachedIn(completion) };
}

function requireLength(has: number, count: number): void {
  if (has === count) return;
  throw new Transient('bad-answer', `log-probabilities of ${has} tokens where ${count} were asked for`);
}

const tokenId = /^token_id:(\d+)$/;

/** @throws Transient where tokens or numbers are not those of the ids */
function logProbsOf(
  logprobs: z.infer<typeof logProbsSchema> | null | undefined,
  ids: readonly number[],
  top: number,
): TokenLogProbs {
  const { tokens = [], token_logprobs: numbers = [], top_logprobs: places = [] } = logprobs ?? {};
  const named = tokens.map((token) => tokenId.exec(token)?.[1]);
  const isOther = named.some((id, i) => id !== undefined && Number(id) !== ids[i]);
  if (numbers.length !== ids.length || tokens.length !== ids.length || isOther) {
    throw new Transient('bad-answer', 'its log-probabilities are of other tokens');
  }
  const logProbs = numbers.map(finite);
  if (top === 0) return { logProbs };
  const alternatives = (places ?? []).map((place) =>
    mostProbable(
      Object.entries(place ?? {}).map(([token, logprob]) => [Number(tokenId.exec(token)?.[1]), logprob]),
      top,
    ),
  );
  if (alternatives.length !== ids.length || alternatives.flat().some(({ id }) => Number.isNaN(id))) {
    throw new Transient('bad-answer', 'it does not tell alternatives by id');
  }
  return { logProbs, top: alternatives };
}

function mostProbable(tokens: readonly (readonly [number, number])[], top: number): Alternative[] {
  return tokens
    .map(([id, logProb]) => ({ id, logProb }))
    .sort((a, b) => b.logProb - a.logProb || a.id - b.id)
    .slice(0, top);
}

/** NaN for what is none. */
function finite(logProb: number | null | undefined): number {
  return typeof logProb === 'number' && logProb > minusInfinity ? logProb : Number.NaN;
}
