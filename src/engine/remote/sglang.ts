import { z } from 'zod';
import { AttsError } from '../../errors.js';
import type { TokenLogProbs } from '../engine.js';
import { Refused, Transient } from './failure.js';
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
  type WriteJob,
} from './protocol.js';

/** `[log-probability, id, text or null]`. */
const tokenSchema = z.tuple([z.number().nullable(), z.int()]).rest(z.unknown());
const tokensSchema = z.array(tokenSchema);
const topSchema = z.array(tokensSchema.nullable());
const finishSchema = z.looseObject({
  type: z.string(),
  matched: z.unknown().optional(),
  message: z.string().nullish(),
  status_code: z.number().nullish(),
});
const answerSchema = z.looseObject({
  text: z.string().nullish(),
  output_ids: z.array(z.int()).nullish(),
  meta_info: z.looseObject({
    finish_reason: finishSchema.nullish(),
    prompt_tokens: z.int().nullish(),
    completion_tokens: z.int().nullish(),
    cached_tokens: z.int().nullish(),
    input_token_logprobs: tokensSchema.nullish(),
    input_top_logprobs: topSchema.nullish(),
    output_token_logprobs: tokensSchema.nullish(),
    output_top_logprobs: topSchema.nullish(),
  }),
});
type Token = z.infer<typeof tokenSchema>;
type Answer = z.infer<typeof answerSchema>;

const modelInfoSchema = z.looseObject({ model_path: z.string(), tokenizer_path: z.string().nullish() });
const modelsSchema = z.looseObject({
  data: z.array(z.looseObject({ id: z.string(), max_model_len: z.int().nullish() })).min(1),
});
const serverInfoSchema = z.looseObject({
  version: z.string().nullish(),
  dtype: z.string().nullish(),
  max_req_input_len: z.int().nullish(),
});

/** An SGLang server takes prompts of fewer tokens than its context less so many (`max_req_input_len`; scheduler.py). */
const inputReserve = 6;

/**
 * SGLang's own API: `/generate` with `input_ids`. Log-probabilities of a prompt come from `logprob_start_len` on, and the
 * first of them is always null: the score of a chunk is asked for one token earlier. A call that the scheduler gave up
 * is a success whose finish reason is `abort`. `sampling_seed` draws the same tokens again where the server runs with
 * `--enable-deterministic-inference`; others ignore it.
 */
export const sglang: Protocol = {
  health: 'health',
  reserve: inputReserve + 1,

  async describe(get, base, model) {
    const info = read(modelInfoSchema, await get('get_model_info'));
    // A router in front of the servers tells less.
    const models = read(modelsSchema.nullable().catch(null), await optional(get('v1/models')));
    const server = read(serverInfoSchema.nullable().catch(null), await optional(get('get_server_info')));
    const listed = models?.data[0];
    const served = listed?.id ?? info.model_path;
    if (model !== null && model !== served && model !== info.model_path) {
      throw new AttsError('usage', `${base} does not serve ${model}; it serves ${served}`);
    }
    const input = server?.max_req_input_len;
    const limits = [listed?.max_model_len, input && input + inputReserve].flatMap((limit) => (limit ? [limit] : []));
    return {
      model: served,
      tokenizers: [info.tokenizer_path ?? info.model_path, info.model_path],
      contextLength: limits.length > 0 ? Math.min(...limits) : null,
      version: server?.version ?? 'unknown',
      dtype: server?.dtype ?? 'unknown',
    };
  },

  writes() {
    return [
      { name: '/generate by ids', exchange: (job) => writeExchange(job, ['sampling_seed', 'stop_token_ids']) },
      { name: '/generate by ids, its own end tokens', exchange: (job) => writeExchange(job, ['sampling_seed']) },
      { name: '/generate by ids, without seeds', exchange: (job) => writeExchange(job, ['stop_token_ids']) },
    ];
  },

  scores() {
    return [0, 1].map((newTokens) => ({
      name: `/generate, max_new_tokens ${newTokens}`,
      exchange: (job) => scoreExchange(job, newTokens),
    }));
  },

  encodes(model) {
    const generate = (text: string): Exchange<readonly number[]> => ({
      path: 'generate',
      body: { text, return_logprob: true, logprob_start_len: 0, sampling_params: greedy(1) },
      read: (answer) => (read(answerSchema, answer).meta_info.input_token_logprobs ?? []).map(([, id]) => id),
    });
    return [
      { name: '/tokenize', exchange: tokenizeExchange('tokenize', model) },
      { name: '/generate by text', exchange: generate },
    ];
  },
};

function greedy(newTokens: number) {
  return { ...plainSampling, temperature: 0, max_new_tokens: newTokens };
}

/** @param extras what not every server takes */
function writeExchange(job: WriteJob, extras: readonly ('sampling_seed' | 'stop_token_ids')[]) {
  const { prefix, maxTokens, temperature, topP, stop, stopIds, seed, logProbs, top } = job;
  const sampling = {
    ...{ ...plainSampling, temperature, top_p: topP, max_new_tokens: maxTokens },
    ...{ stop, no_stop_trim: true },
    ...(extras.includes('stop_token_ids') ? { stop_token_ids: stopIds } : {}),
    ...(extras.includes('sampling_seed') ? { sampling_seed: seed } : {}),
  };
  return {
    path: 'generate',
    body: {
      ...{ input_ids: prefix.ids, sampling_params: sampling },
      ...(logProbs ? { return_logprob: true, top_logprobs_num: top } : {}),
    },
    read(answer: unknown) {
      const { text, output_ids: ids, meta_info: meta } = finished(read(answerSchema, answer));
      if (!ids) throw new Transient('bad-answer', 'its answer has no output_ids (SGLang before 0.4.5?)');
      requireCount('the prompt', meta.prompt_tokens, prefix.ids.length);
      requireCount('its answer', meta.completion_tokens, ids.length);
      const { type, matched } = meta.finish_reason ?? { type: 'length' };
      const finish = type === 'length' ? 'length' : typeof matched === 'string' ? 'stop-string' : 'stop-token';
      return {
        ...{ ids, text: text ?? '', finish: finish as 'length' | 'stop-string' | 'stop-token' },
        ...{ prompt: prefix.ids.length, cached: meta.cached_tokens ?? 0 },
        ...(logProbs ? logProbsOf(meta.output_token_logprobs ?? [], meta.output_top_logprobs, ids, top) : {}),
      };
    },
  };
}

function scoreExchange({ prefix, chunk, top }: ScoreJob, newTokens: number): Exchange<Scored> {
  const body = {
    ...{ input_ids: [...prefix, ...chunk], sampling_params: greedy(newTokens) },
    ...{ return_logprob: true, logprob_start_len: prefix.length - 1, top_logprobs_num: top },
  };
  return {
    path: 'generate',
    body,
    read(answer) {
      const { meta_info: meta } = finished(read(answerSchema, answer));
      const tokens = meta.input_token_logprobs ?? [];
      const count = chunk.length + 1;
      const whole = prefix.length + chunk.length;
      requireCount('the prompt', meta.prompt_tokens, whole);
      // A server that lies behind a router may answer for the whole prompt.
      if (tokens.length !== count && tokens.length !== whole) {
        throw new Transient('bad-answer', `log-probabilities of ${tokens.length} tokens where ${count} were asked for`);
      }
      return {
        ...logProbsOf(tokens.slice(1 - count), meta.input_top_logprobs?.slice(1 - count), chunk, top),
        cached: Math.min(meta.cached_tokens ?? 0, prefix.length),
      };
    },
  };
}

/** @throws Transient where the server gave the call up; Refused where it could not be served */
function finished(answer: Answer): Answer {
  const { type, message, status_code: status } = answer.meta_info.finish_reason ?? {};
  if (type !== 'abort') return answer;
  const line = `gave the call up (${message ?? 'no reason told'})`;
  if (status === 400) throw new Refused(`the server ${line}`, 'usage');
  throw new Transient('broken', line);
}

/** @throws Transient where tokens or numbers are not those of the ids */
function logProbsOf(
  tokens: readonly Token[],
  tops: readonly (readonly Token[] | null)[] | null | undefined,
  ids: readonly number[],
  top: number,
): TokenLogProbs {
  if (tokens.length !== ids.length || tokens.some(([, id], i) => id !== ids[i])) {
    throw new Transient('bad-answer', 'its log-probabilities are of other tokens');
  }
  const logProbs = tokens.map(([logProb]) => logProb ?? Number.NaN);
  if (top === 0) return { logProbs };
  if (tops?.length !== ids.length) throw new Transient('bad-answer', 'alternatives of some tokens are missing');
  const alternatives = tops.map((list) =>
    (list ?? []).slice(0, top).map(([logProb, id]) => ({ id, logProb: logProb ?? Number.NaN })),
  );
  return { logProbs, top: alternatives };
}
