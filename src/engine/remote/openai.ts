import { z } from 'zod';
import { AttsError } from '../../errors.js';
import { completionOf, scoredEcho, scoredPrompt, writtenIds, writtenText } from './completion.js';
import type { Exchange } from './fleet.js';
import {
  optional,
  type Protocol,
  plainSampling,
  read,
  requireCount,
  type Scored,
  type ScoreJob,
  tokenizeExchange,
  type Way,
  type WriteJob,
  type Written,
} from './protocol.js';

const modelsSchema = z.looseObject({
  data: z
    .array(z.looseObject({ id: z.string(), root: z.string().nullish(), max_model_len: z.int().nullish() }))
    .min(1, 'no model'),
});

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
  return {
    health,
    // A score writes one token.
    reserve: 1,

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
        contextLength: longest ?? null,
        version: read(z.looseObject({ version: z.string() }).nullable(), version)?.version ?? 'unknown',
        dtype: 'unknown',
      };
    },

    writes: (model) => writeWays(api, model),

    scores: (model) => scoreWays(api, model),

    encodes(model) {
      return [{ name: '/tokenize', exchange: tokenizeExchange(`${root}tokenize`, model) }];
    },
  };
}

function writeWays(api: string, model: string): Way<WriteJob, Written>[] {
  const path = `${api}completions`;
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
        return writtenText(completion);
      },
    }),
    'completions by text': (job: WriteJob): Exchange<Written> => ({
      ...{ path, body: { ...body(job), prompt: job.prefix.text } },
      read: (answer) => writtenText(completionOf(answer)),
    }),
  };
  const chat = (job: WriteJob): Exchange<Written> => ({
    path: `${api}chat/completions`,
    body: { ...body({ ...job, logProbs: false }), ...chatOf(job, model) },
    read: (answer) => writtenText(completionOf(answer)),
  });
  const ways: Way<WriteJob, Written>[] = Object.entries(exchanges).map(([name, exchange]) => ({ name, exchange }));
  return [...ways, { name: 'chat completions', takes: 'messages' as const, exchange: chat }];
}

function scoreWays(api: string, model: string): Way<ScoreJob, Scored>[] {
  const path = `${api}completions`;
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
}

/** The assistant's turn as far as it is written is a message that the server must not end. */
function chatOf({ prefix: { chat, text } }: WriteJob, model: string): object {
  if (!chat) throw new AttsError('usage', `${model} is only asked by messages; give it no plain text`);
  const { messages } = chat;
  const begun = text.slice(chat.text.length);
  if (begun === '') return { messages };
  const all = [...messages, { role: 'assistant', content: begun }];
  return { messages: all, continue_final_message: true, add_generation_prompt: false };
}
