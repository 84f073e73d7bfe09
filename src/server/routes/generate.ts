import { randomUUID } from 'node:crypto';
import type { Prefix } from '../../engine/engine.js';
import type { App, ServerContext } from '../context.js';
import { HttpError } from '../errors.js';
import { readPrompt, type ServedModel } from '../models.js';
import { continuePrompt, type Sampling, scorePrompt, type Written } from '../sampling.js';
import { errors, stopsOf } from '../schemas/common.js';
import {
  type GenerateBody,
  type Generated,
  type GenerateSampling,
  generateBody,
  generateSchema,
  type TokenTuple,
} from '../schemas/generate.js';
import { alternativesWith, type JudgedToken, judgedTokens, tokenLabel } from '../token-labels.js';

const defaultMaxTokens = 128;

export function generateRoute(app: App, { models, admission }: ServerContext): void {
  app.post(
    '/generate',
    {
      schema: {
        summary: 'Continue and judge texts or token ids, as SGLang does',
        tags: ['SGLang'],
        body: generateBody,
        response: { 200: generateSchema, ...errors },
      },
    },
    async ({ body, closed }) => {
      const model = models.named(body.model);
      const { prompts, isList } = promptsOf(body);
      const asked = prompts.map((prompt, i) => read(model, body, prompt, i, prompts.length));
      const sequences = asked.reduce((sum, { n }) => sum + n, 0);
      return admission.run(sequences, async () => {
        const generated = (await Promise.all(asked.map((one) => generate(one, closed)))).flat();
        return isList || generated.length > 1 ? generated : generated[0];
      });
    },
  );
}

/** One prompt, with everything that is asked about it. */
interface Asked {
  readonly model: ServedModel;
  readonly prefix: Prefix;
  readonly n: number;
  readonly sampling: Sampling;
  /** First token of the prompt that is told of; null: no log-probabilities at all. */
  readonly from: number | null;
  readonly withText: boolean;
}

function promptsOf({ text, input_ids: ids }: GenerateBody): { prompts: (string | number[])[]; isList: boolean } {
  if ((text ?? null) !== null && (ids ?? null) !== null) throw new HttpError(400, 'give text or input_ids, not both');
  if (typeof text === 'string') return { prompts: [text], isList: false };
  if (text) return { prompts: text, isList: true };
  if (!ids) throw new HttpError(400, 'give text or input_ids');
  return typeof ids[0] === 'number'
    ? { prompts: [ids as number[]], isList: false }
    : { prompts: ids as number[][], isList: true };
}

function read(model: ServedModel, body: GenerateBody, prompt: string | number[], i: number, count: number): Asked {
  const of = <T>(value: T | T[] | null | undefined, name: string): T | undefined => {
    if (!Array.isArray(value)) return value ?? undefined;
    if (value.length === count) return value[i];
    throw new HttpError(400, `${name}: ${value.length} elements for ${count} prompts`, { param: name });
  };
  const given: GenerateSampling = of(body.sampling_params, 'sampling_params') ?? {};
  const wantsLogProbs = of(body.return_logprob, 'return_logprob') ?? false;
  const start = of(body.logprob_start_len, 'logprob_start_len') ?? -1;
  const top = of(body.top_logprobs_num, 'top_logprobs_num') ?? 0;
  const maxTokens = given.max_new_tokens ?? defaultMaxTokens;
  const prefix = readPrompt(model, prompt, maxTokens === 0 ? 0 : 1);
  if (start >= prefix.ids.length) {
    throw new HttpError(400, `logprob_start_len: ${start} is beyond the prompt of ${prefix.ids.length} tokens`, {
      param: 'logprob_start_len',
    });
  }
  const sampling: Sampling = {
    ...{ maxTokens, temperature: given.temperature ?? 1, topP: given.top_p ?? 1, stop: stopsOf(given.stop) },
    ...{ keepsStop: given.no_stop_trim ?? false, seed: given.sampling_seed ?? null, top: wantsLogProbs ? top : null },
  };
  const from = wantsLogProbs ? (start === -1 ? prefix.ids.length - 1 : start) : null;
  return { model, prefix, n: given.n ?? 1, sampling, from, withText: body.return_text_in_logprobs ?? false };
}

async function generate(asked: Asked, signal: AbortSignal): Promise<Generated[]> {
  const { model, prefix, n, sampling } = asked;
  const begun = performance.now();
  const judged = await judgePrompt(asked, signal);
  const written = await continuePrompt(model, prefix, sampling, n, () => ({ signal }));
  return written.map((one) => {
    const generated = generatedOf(asked, judged, one);
    return { ...generated, meta_info: { ...generated.meta_info, e2e_latency: (performance.now() - begun) / 1000 } };
  });
}

/** The prompt's tokens from the asked one on: SGLang tells no log-probability of the first of them. */
async function judgePrompt(
  { model, prefix, from, sampling }: Asked,
  signal: AbortSignal,
): Promise<JudgedToken[] | null> {
  if (from === null) return null;
  const score = await scorePrompt(model, prefix, from + 1, sampling.top ?? 0, signal);
  const [first, ...rest] = prefix.ids.slice(from);
  return [{ id: first, logProb: null, top: [] }, ...judgedTokens(rest, score ?? {})];
}

function generatedOf(
  asked: Asked,
  judged: readonly JudgedToken[] | null,
  { generation, text, finish, matched }: Written,
): Generated {
  const { ids, usage } = generation;
  return {
    text,
    output_ids: [...ids],
    meta_info: {
      id: randomUUID().replaceAll('-', ''),
      finish_reason: finish === 'stop' ? { type: 'stop', matched } : { type: 'length', length: ids.length },
      ...{ prompt_tokens: usage.prompt, completion_tokens: ids.length, cached_tokens: usage.cached },
      ...(judged === null ? {} : logProbsOf(asked, judged, judgedTokens(ids, generation))),
    },
  };
}

function logProbsOf(
  { model, sampling, withText }: Asked,
  input: readonly JudgedToken[],
  output: readonly JudgedToken[],
): Partial<Generated['meta_info']> {
  const tuple = ({ id, logProb }: { id: number; logProb: number | null }): TokenTuple => [
    ...([logProb, id] as const),
    withText ? tokenLabel(model.engine.tokenizer, id) : null,
  ];
  const alternatives = (token: JudgedToken) => (token.logProb === null ? null : topOf(token).map(tuple));
  return {
    input_token_logprobs: input.map(tuple),
    output_token_logprobs: output.map(tuple),
    ...(sampling.top
      ? { input_top_logprobs: input.map(alternatives), output_top_logprobs: output.map(alternatives) }
      : {}),
  };
}

/** SGLang tells the alternatives alone; the token is told elsewhere. */
const topOf = (token: JudgedToken) => alternativesWith(token).slice(0, token.top.length);
