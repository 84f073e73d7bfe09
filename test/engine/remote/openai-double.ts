import type { ChatMessage, Engine } from '../../../src/engine/engine.js';
import { openText } from '../../../src/engine/tokenizer/index.js';
import { type Answer, type Call, Double, generate, logProbsFrom, matchedStop, textUpTo } from './double.js';

export interface OpenaiQuirks {
  /** `vllm` has ids, `prompt_logprobs` and paths of its own; `openai` refuses what OpenAI's API does not know. */
  readonly kind: 'vllm' | 'openai';
  readonly model?: string;
  /** Where the weights lie on the server. */
  readonly root?: string;
  readonly version?: string;
  readonly key?: string;
  /** What it does not take. */
  readonly refuses?: readonly (
    | 'ids'
    | 'echo'
    | 'prompt_logprobs'
    | 'max_tokens 0'
    | 'stop_token_ids'
    | 'completions'
    | 'stop'
  )[];
  /** Does not know `continue_final_message`. */
  readonly endsTurns?: boolean;
  /** Changes what is answered. */
  readonly spoil?: (answer: Record<string, unknown>, call: Call) => unknown;
}

interface Request {
  readonly model?: string;
  readonly prompt?: string | readonly number[];
  readonly max_tokens?: number;
  readonly temperature?: number;
  readonly top_p?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly echo?: boolean;
  readonly logprobs?: number;
  readonly prompt_logprobs?: number;
  readonly return_token_ids?: boolean;
  readonly return_tokens_as_token_ids?: boolean;
  readonly include_stop_str_in_output?: boolean;
}

const known = ['model', 'prompt', 'max_tokens', 'temperature', 'top_p', 'seed', 'stop', 'echo', 'logprobs', 'n'];
known.push('frequency_penalty', 'presence_penalty');

/** The completions API of OpenAI, as OpenAI documents it and as vLLM extends it. */
export function openaiDouble(engine: Engine, quirks: OpenaiQuirks): Double {
  const { tokenizer } = engine;
  const { contextLength, id } = engine.model;
  const { kind, model = id, refuses = [] } = quirks;
  const isVllm = kind === 'vllm';
  const refuse = (message: string): Answer => ({
    ...{ status: 400, body: { error: { message, type: 'BadRequestError', param: null, code: 400 } } },
  });
  const longest = isVllm ? { root: quirks.root ?? id, max_model_len: contextLength + 1 } : {};

  const answers: Record<string, (call: Call) => Promise<Answer>> = {
    '/v1/models': async () => ({ body: { object: 'list', data: [{ id: model, object: 'model', ...longest }] } }),
    ...(refuses.includes('completions') ? {} : { '/v1/completions': (call) => complete(call) }),
    '/v1/chat/completions': (call) => chat(call),
    ...(isVllm
      ? {
          '/health': async () => ({ body: '' }),
          '/version': async () => ({ body: { version: quirks.version ?? '0.32.0' } }),
          '/tokenize': async ({ body: { prompt } }) => ({ body: { tokens: tokenizer.encode(prompt as string) } }),
        }
      : {}),
  };

  /** Goes on with the last message where it is told to, else ends it and opens a turn. */
  async function chat({ body, signal }: Call): Promise<Answer> {
    const messages = body.messages as ChatMessage[];
    const goesOn = body.continue_final_message === true && !quirks.endsTurns;
    const said = goesOn ? messages.slice(0, -1) : messages;
    const begun = goesOn ? (messages.at(-1)?.content ?? '') : '';
    const ids = [...tokenizer.chat(said).ids, ...tokenizer.encodeContinuation(begun)];
    const { max_tokens: maxTokens, temperature, seed } = body as Record<string, number>;
    const written = await generate(engine, ids, { maxTokens, temperature, seed }, signal);
    const finish = written.finish === 'stop-token' ? 'stop' : 'length';
    const message = { role: 'assistant', content: written.text };
    const usage = { prompt_tokens: ids.length, completion_tokens: written.ids.length };
    return { body: { object: 'chat.completion', model, choices: [{ message, finish_reason: finish }], usage } };
  }

  async function complete(call: Call): Promise<Answer> {
    const request = call.body as Request;
    const unknown = Object.keys(request).find((name) => !isVllm && !known.includes(name));
    if (unknown) return refuse(`Unrecognized request argument supplied: ${unknown}`);
    if (request.model !== model) return { status: 404, body: { error: { message: `no model ${request.model}` } } };
    if (refuses.includes('stop_token_ids') && 'stop_token_ids' in request)
      return refuse('not supported: stop_token_ids');
    const { prompt = '', echo = false, logprobs, prompt_logprobs: promptLogProbs, stop = [] } = request;
    if (stop.length > 0 && refuses.includes('stop')) return refuse('stop is not supported');
    if (typeof prompt !== 'string' && refuses.includes('ids')) return refuse('prompt must be a string');
    if (echo && refuses.includes('echo')) return refuse('echo is not supported');
    if (promptLogProbs !== undefined && refuses.includes('prompt_logprobs'))
      return refuse('prompt_logprobs is not allowed');
    if ((logprobs ?? 0) > 20)
      return refuse(`Requested sample logprobs of ${logprobs}, which is greater than max allowed: 20`);
    const wanted = request.max_tokens ?? 16;
    if (wanted === 0 && (!echo || refuses.includes('max_tokens 0'))) return refuse('max_tokens must be at least 1');
    const ids = typeof prompt === 'string' ? openText(tokenizer, prompt).ids : prompt;
    if (ids.length + Math.max(1, wanted) > contextLength + 1) {
      return refuse(`This model's maximum context length is ${contextLength + 1} tokens.`);
    }
    const sampling = {
      ...{ maxTokens: wanted, stop, seed: request.seed },
      ...{ temperature: request.temperature ?? 1, topP: request.top_p },
    };
    const written = wanted === 0 ? null : await generate(engine, ids, sampling, call.signal);
    const output = written?.ids ?? [];
    const keeps = isVllm && request.include_stop_str_in_output === true;
    const text = written ? textUpTo(written.text, stop, keeps) : '';
    const isStopped = written?.finish.startsWith('stop') === true;
    const choice = {
      index: 0,
      text: echo ? tokenizer.decode(ids) + text : text,
      finish_reason: isStopped ? 'stop' : 'length',
      logprobs: logprobs === undefined ? null : await sampleLogProbs(echo ? [...ids, ...output] : output, logprobs),
      ...(isVllm ? { stop_reason: written && matchedStop(written, stop) } : {}),
      ...(isVllm && request.return_token_ids ? { token_ids: output, prompt_token_ids: ids } : {}),
      ...(isVllm && promptLogProbs !== undefined ? { prompt_logprobs: await byId(promptLogProbs) } : {}),
    };
    const usage = { prompt_tokens: ids.length, completion_tokens: output.length };
    const answer = { id: 'cmpl-1', object: 'text_completion', model, choices: [choice], usage };
    return { body: quirks.spoil?.(answer, call) ?? answer };

    async function byId(count: number) {
      const { logProbs, tops } = await logProbsFrom(engine, ids, 1, Math.max(1, count));
      const entry = (logProb: number, id: number) => [String(id), { logprob: logProb, rank: 1, decoded_token: '' }];
      return ids.map((id, i) => {
        if (i === 0) return null;
        const others = tops[i - 1].slice(0, count).map((other) => entry(other.logProb, other.id));
        return Object.fromEntries([...others, entry(logProbs[i - 1], id)]);
      });
    }

    async function sampleLogProbs(tokens: readonly number[], top: number) {
      const nameOf = (id: number) =>
        isVllm && request.return_tokens_as_token_ids ? `token_id:${id}` : tokenizer.decode([id]);
      const from = echo ? 0 : ids.length;
      const all = echo ? tokens : [...ids, ...tokens];
      const { logProbs, tops } = await logProbsFrom(engine, all, from, top);
      const missing = from === 0 ? 1 : 0;
      return {
        text_offset: tokens.map(() => 0),
        tokens: tokens.map(nameOf),
        token_logprobs: tokens.map((_, i) => (i < missing ? null : logProbs[i - missing])),
        top_logprobs: tokens.map((_, i) =>
          i < missing ? null : Object.fromEntries((tops[i - missing] ?? []).map((o) => [nameOf(o.id), o.logProb])),
        ),
      };
    }
  }

  return new Double(async (call) => {
    if (quirks.key && call.authorization !== `Bearer ${quirks.key}`) {
      return { status: 401, body: { error: 'Unauthorized' } };
    }
    return (await answers[call.path]?.(call)) ?? { status: 404, body: { detail: 'Not Found' } };
  });
}
