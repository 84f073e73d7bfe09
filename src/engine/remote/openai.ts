import { z } from 'zod';
import { AttsError } from '../../errors.js';
import type { Alternative } from '../engine.js';
import { Transient } from './failure.js';
import type { Exchange } from './fleet.js';
import {
  type LogProbs,
  optional,
  type Protocol,
  read,
  requireCount,
  type Scored,
  type ScoreJob,
  type Way,
  type WriteJob,
  type Written,
} from './protocol.js';

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

const modelsSchema = z.looseObject({
  data: z
    .array(z.looseObject({ id: z.string(), root: z.string().nullish(), max_model_len: z.int().nullish() }))
    .min(1, 'no model'),
});

/** Everything that a server's or a model's own defaults could change, in vLLM's names. */
const plainSampling = { top_k: -1, min_p: 0, frequency_penalty: 0, presence_penalty: 0, repetition_penalty: 1 };

/** What vLLM writes for a log-probability of minus infinity. */
const minusInfinity = -9999;

/**
 * vLLM's server. Prompts and generations are ids. The log-probabilities of a prompt are in `prompt_logprobs`, by id, and
 * the first of them is null; or in `logprobs` of an `echo`. A score is a call that writes one token, which is dropped, so
 * one token of the context stays free.
 */
export const vllm: Protocol = completions('health', 'v1/', '');

/**
 * Any server with an API of OpenAI's. Prompts are ids where completions take them, else text; where there are only chat
 * completions, messages of which the last one goes on (`continue_final_message`). What it tells only as text is encoded
 * here. Scores need prompts of ids and `echo`.
 */
export const openai: Protocol = completions('models', '', '../');

/** @param api where the API lies, from the base URL; @param root where the rest lies */
function completions(health: string, api: string, root: string): Protocol {
  const path = `${api}completions`;
  const writes = (model: string) => {
    const body = (job: WriteJob) => ({
      ...{ model, max_tokens: job.maxTokens, temperature: job.temperature, top_p: job.topP, seed: job.seed },
      ...(job.logProbs ? { logprobs: Math.max(1, job.top) } : {}),
    });
    const byIds = (job: WriteJob, extras: object): Exchange<Written> => ({
      path,
      body: {
        ...{ ...body(job), ...plainSampling, ...extras, prompt: job.prefix.ids, return_token_ids: true },
        ...{ stop: job.stop, include_stop_str_in_output: true },
        ...(job.top > 0 ? { return_tokens_as_token_ids: true } : {}),
      },
      read: (answer) => writtenIds(completionOf(answer), job),
    });
    // Where an end is told as `stop` alone it may be a stop string's or the model's own: the engine looks for the string.
    const exchanges = {
      'completions by ids': (job: WriteJob) => byIds(job, { stop_token_ids: job.stopIds }),
      'completions by ids, its own end tokens': (job: WriteJob) => byIds(job, {}),
      'completions by ids, answers as text': (job: WriteJob): Exchange<Written> => ({
        path,
        body: { ...body(job), prompt: job.prefix.ids },
        read(answer) {
          const completion = completionOf(answer);
          requireCount('the prompt', completion.usage?.prompt_tokens, job.prefix.ids.length);
          return writtenText(completion, completion.choice.text);
        },
      }),
      'completions by text': (job: WriteJob): Exchange<Written> => ({
        path,
        body: { ...body(job), prompt: job.prefix.text },
        read(answer) {
          const completion = completionOf(answer);
          return writtenText(completion, completion.choice.text);
        },
      }),
    };
    const chat = (job: WriteJob): Exchange<Written> => ({
      path: `${api}chat/completions`,
      body: { ...body({ ...job, logProbs: false }), ...chatOf(job, model) },
      read(answer) {
        const completion = completionOf(answer);
        return writtenText(completion, completion.choice.message?.content);
      },
    });
    const ways: Way<WriteJob, Written>[] = Object.entries(exchanges).map(([name, exchange]) => ({ name, exchange }));
    return [...ways, { name: 'chat completions', takes: 'messages' as const, exchange: chat }];
  };
  return {
    health,

    async describe(get, base, model) {
      const { data } = read(modelsSchema, await get(`${api}models`));
      const version = api === '' ? null : await optional(get('version'));
      const found = model === null && data.length === 1 ? data[0] : data.find(({ id }) => id === model);
      if (!found) {
        const names = data.map(({ id }) => id).slice(0, 5);
        const what = model === null ? 'serves several models' : `does not serve ${model}`;
        throw new AttsError('usage', `${base} ${what}; name one after #: ${names.join(', ')}`);
      }
      const { id, root: stored, max_model_len: longest } = found;
      return {
        model: id,
        tokenizers: stored ? [stored, id] : [id],
        // A score writes one token.
        contextLength: longest ? longest - 1 : null,
        version: read(z.looseObject({ version: z.string() }).nullable(), version)?.version ?? 'unknown',
        dtype: 'unknown',
      };
    },

    writes,

    scores(model) {
      const common = ({ prefix, chunk }: ScoreJob) => ({ model, prompt: [...prefix, ...chunk], temperature: 0 });
      const promptLogProbs = (job: ScoreJob): Exchange<Scored> => ({
        path,
        body: { ...common(job), max_tokens: 1, prompt_logprobs: Math.max(1, job.top), return_token_ids: true },
        read: (answer) => scoredPrompt(completionOf(answer), job),
      });
      const echo = (maxTokens: number) => (job: ScoreJob) => ({
        path,
        body: {
          ...{ ...common(job), max_tokens: maxTokens, echo: true, logprobs: Math.max(1, job.top) },
          // OpenAI's own server refuses what it does not know.
          ...(job.top > 0 ? { return_tokens_as_token_ids: true } : {}),
        },
        read: (answer: unknown) => scoredEcho(completionOf(answer), job),
      });
      return [
        { name: 'prompt_logprobs', exchange: promptLogProbs },
        { name: 'echo', exchange: echo(0) },
        { name: 'echo, one token more', exchange: echo(1) },
      ];
    },

    encodes(model) {
      return [
        {
          name: '/tokenize',
          exchange: (text: string) => ({
            path: `${root}tokenize`,
            body: { model, prompt: text, add_special_tokens: false },
            read: (answer: unknown) => read(z.looseObject({ tokens: z.array(z.int()) }), answer).tokens,
          }),
        },
      ];
    },
  };
}

function completionOf(answer: unknown): Completion & { choice: Choice } {
  const completion = read(completionSchema, answer);
  const [choice] = completion.choices;
  if (choice.finish_reason === 'abort' || choice.finish_reason === 'error') {
    throw new Transient('broken', 'gave the call up');
  }
  return { ...completion, choice };
}

const cachedIn = ({ usage }: Completion) => usage?.prompt_tokens_details?.cached_tokens ?? 0;

function writtenIds(completion: Completion & { choice: Choice }, { prefix, logProbs, top }: WriteJob): Written {
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
function writtenText(completion: Completion & { choice: Choice }, text: string | null | undefined): Written {
  const { finish_reason: reason, logprobs } = completion.choice;
  if (typeof text !== 'string') throw new Transient('bad-answer', 'its answer has no text');
  return {
    ...{ ids: null, text, finish: reason === 'length' ? 'length' : 'stop-token' },
    ...{ prompt: completion.usage?.prompt_tokens ?? null, cached: cachedIn(completion) },
    logProbs: logprobs?.token_logprobs?.map(finite),
  };
}

/** The assistant's turn as far as it is written is a message that the server must not end. */
function chatOf({ chat }: WriteJob, model: string): object {
  if (chat === null) throw new AttsError('engine', `${model} is only asked by messages; give it no plain text`);
  const { messages, begun } = chat;
  if (begun === '') return { messages };
  const all = [...messages, { role: 'assistant', content: begun }];
  return { messages: all, continue_final_message: true, add_generation_prompt: false };
}

function scoredPrompt(completion: Completion & { choice: Choice }, { prefix, chunk, top }: ScoreJob): Scored {
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

function scoredEcho(completion: Completion & { choice: Choice }, { prefix, chunk, top }: ScoreJob): Scored {
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
): LogProbs {
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
