import type { Engine } from '../../../src/engine/engine.js';
import { openText } from '../../../src/engine/tokenizer/index.js';
import { type Answer, type Call, Double, generate, logProbsFrom, matchedStop, textUpTo } from './double.js';

export interface SglangQuirks {
  readonly version?: string;
  /** An older server: it refuses what it does not know, and has no /tokenize. */
  readonly isOld?: boolean;
  /** Sampling parameters that it does not take. */
  readonly refuses?: readonly string[];
  /** Gives a call up instead of answering it. */
  readonly abort?: (call: Call) => { readonly message: string; readonly status_code: number } | null;
  /** Changes what is answered. */
  readonly spoil?: (answer: Record<string, unknown>, call: Call) => unknown;
}

interface Request {
  readonly text?: string;
  readonly input_ids?: readonly number[];
  readonly sampling_params?: Readonly<Record<string, unknown>>;
  readonly return_logprob?: boolean;
  readonly logprob_start_len?: number;
  readonly top_logprobs_num?: number;
}

const known = ['temperature', 'top_p', 'top_k', 'min_p', 'max_new_tokens', 'stop', 'stop_token_ids', 'no_stop_trim'];
known.push('frequency_penalty', 'presence_penalty', 'repetition_penalty');

/** SGLang's own protocol, after its documentation and its http_server.py, tokenizer_manager.py and schedule_batch.py. */
export function sglangDouble(engine: Engine, quirks: SglangQuirks = {}): Double {
  const { contextLength, id } = engine.model;
  const { tokenizer } = engine;
  const refuse = (message: string): Answer => ({ status: 400, body: { error: { message } } });

  const answers: Record<string, (call: Call) => Promise<Answer>> = {
    // SGLang tells health by status alone.
    '/health': async () => ({ body: '' }),
    '/get_model_info': async () => ({ body: { model_path: id, tokenizer_path: id, is_generation: true } }),
    '/v1/models': async () => ({ body: { data: [{ id, root: id, max_model_len: contextLength + 7 }] } }),
    '/get_server_info': async () => ({
      body: { version: quirks.version ?? '0.5.3', dtype: 'float32', max_req_input_len: contextLength + 1 },
    }),
    '/tokenize': async ({ body: { prompt } }) =>
      quirks.isOld
        ? { status: 404, body: { detail: 'Not Found' } }
        : { body: { tokens: tokenizer.encode(prompt as string), count: 0, max_model_len: contextLength } },
    '/generate': async (call) => generateAnswer(call),
  };

  async function generateAnswer(call: Call): Promise<Answer> {
    const request = call.body as Request;
    const { text, input_ids: given, sampling_params: params = {}, return_logprob: wants = false } = request;
    if ((text === undefined) === (given === undefined)) return refuse('Either text or input_ids should be provided.');
    const unknown = Object.keys(params).find((name) => quirks.isOld && !known.includes(name));
    if (unknown) return refuse(`SamplingParams.__init__() got an unexpected keyword argument '${unknown}'`);
    const refused = quirks.refuses?.find((name) => name in params);
    if (refused) return refuse(`not supported here: sampling_params.${refused}`);
    const ids = given ?? openText(tokenizer, text as string).ids;
    const maxTokens = (params.max_new_tokens as number | undefined) ?? 128;
    if (ids.length + maxTokens > contextLength + 1) {
      return refuse(`Requested token count exceeds the model's maximum context length of ${contextLength} tokens.`);
    }
    const start = request.logprob_start_len ?? -1;
    if (start >= ids.length) return refuse(`logprob_start_len ${start} is higher than the number of input tokens`);
    const finishReason = quirks.abort?.(call);
    if (finishReason) {
      return { body: { text: '', output_ids: [], meta_info: { finish_reason: { type: 'abort', ...finishReason } } } };
    }
    const stop = (params.stop as readonly string[] | undefined) ?? [];
    const sampling = {
      ...{ maxTokens, stop, seed: params.sampling_seed as number | undefined },
      ...{ temperature: (params.temperature as number) ?? 1, topP: params.top_p as number | undefined },
    };
    const written = maxTokens === 0 ? null : await generate(engine, ids, sampling, call.signal);
    const top = request.top_logprobs_num ?? 0;
    const answer = {
      text: written ? textUpTo(written.text, stop, params.no_stop_trim === true) : '',
      output_ids: written?.ids ?? [],
      meta_info: {
        ...{ id: 'a'.repeat(32), prompt_tokens: ids.length, cached_tokens: written?.usage.cached ?? 0 },
        completion_tokens: written?.ids.length ?? 0,
        finish_reason: reasonOf(),
        ...(wants ? await logProbsAnswer() : {}),
      },
    };
    return { body: quirks.spoil?.(answer, call) ?? answer };

    function reasonOf() {
      if (written === null) return { type: 'length', length: 0 };
      const { finish, ids: output } = written;
      if (finish === 'stop-token') return { type: 'stop', matched: output.at(-1) };
      if (finish === 'stop-string') return { type: 'stop', matched: matchedStop(written, stop) };
      return { type: 'length', length: output.length };
    }

    async function logProbsAnswer() {
      const from = start === -1 ? ids.length - 1 : start;
      const input = await logProbsFrom(engine, ids, from + 1, top);
      const output = written?.ids ?? [];
      const { logProbs, tops } = await logProbsFrom(engine, [...ids, ...output], ids.length, top);
      const entries = (list: (typeof tops)[number]) => list.map(({ id, logProb }) => [logProb, id, null]);
      return {
        // The first entry is always null, wherever it starts.
        input_token_logprobs: ids.slice(from).map((id, i) => [i === 0 ? null : input.logProbs[i - 1], id, null]),
        output_token_logprobs: output.map((id, i) => [logProbs[i], id, null]),
        ...(top > 0
          ? { input_top_logprobs: [null, ...input.tops.map(entries)], output_top_logprobs: tops.map(entries) }
          : {}),
      };
    }
  }

  return new Double(
    async (call) => (await answers[call.path]?.(call)) ?? { status: 404, body: { detail: 'Not Found' } },
  );
}
