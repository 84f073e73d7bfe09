import { randomUUID } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import type { GenerateRequest, Prefix } from '../../engine/engine.js';
import type { App, ServerContext } from '../context.js';
import { HttpError } from '../errors.js';
import { readPrompt, type ServedModel } from '../models.js';
import { continuePrompt, judgePrompt, type Sampling, stopTextOf } from '../sampling.js';
import { errors, orStream, stopsOf } from '../schemas/common.js';
import {
  type GenerateBody,
  type Generated,
  type GenerateSampling,
  generateBody,
  generateSchema,
  type TokenTuple,
} from '../schemas/generate.js';
import { EventStream } from '../sse.js';
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
        response: { 200: orStream(generateSchema), ...errors },
      },
    },
    async ({ body, closed }, reply) => {
      const model = models.named(body.model);
      const { prompts, isList } = promptsOf(body);
      const asked = prompts.map((prompt, i) => read(model, body, prompt, i, prompts.length));
      const sequences = asked.reduce((sum, { n }) => sum + n, 0);
      const isOne = !isList && sequences === 1;
      return admission.run(sequences, async () => {
        if (body.stream) return stream(asked, isOne, closed, reply);
        const generated = (await Promise.all(asked.map((one) => generate(one, closed)))).flat();
        return reply.send(isOne ? generated[0] : generated);
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

/** @param hear hears of the k-th continuation as far as it is, without log-probabilities, whenever there is more of it */
async function generate(
  asked: Asked,
  signal: AbortSignal,
  hear?: (k: number, begun: () => Generated) => void,
): Promise<Generated[]> {
  const { model, prefix, n, sampling, from } = asked;
  const begun = performance.now();
  const judged = from === null ? null : await judgePrompt(model, prefix, from, sampling.top ?? 0, signal);
  const ids = Array.from({ length: n }, () => randomUUID().replaceAll('-', ''));
  const written = await continuePrompt(model, prefix, sampling, n, (k) => ({
    signal,
    onTokens: hear && tellSoFar(asked, (output) => hear(k, () => generatedOf(asked, null, ids[k], output))),
  }));
  return written.map(({ generation, text, finish, matched }, k) => {
    const tokens = judgedTokens(generation.ids, generation);
    const reason = finish === 'stop' ? { type: finish, matched } : { type: finish, length: tokens.length };
    const { cached } = generation.usage;
    const generated = generatedOf(asked, judged, ids[k], { tokens, text, reason, cached });
    return { ...generated, meta_info: { ...generated.meta_info, e2e_latency: (performance.now() - begun) / 1000 } };
  });
}

/** Gathers what comes: SGLang tells in every event all that there is so far. */
function tellSoFar(
  { model, sampling }: Asked,
  hear: (output: Output) => void,
): NonNullable<GenerateRequest['onTokens']> {
  const stopText = stopTextOf(model, sampling);
  const tokens: JudgedToken[] = [];
  let text = '';
  return (ids) => {
    tokens.push(...judgedTokens(ids, {}));
    text += stopText.push(ids);
    hear({ tokens, text, reason: null, cached: 0 });
  };
}

function stream(
  asked: readonly Asked[],
  isOne: boolean,
  signal: AbortSignal,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const events = new EventStream(reply);
  // A client that reads slowly misses nothing: every event has all that was in those before it.
  return events.answer(async () => {
    const send = (index: number, generated: Generated) => events.send(isOne ? generated : { ...generated, index });
    await Promise.all(
      asked.map(async (one, i) => {
        const first = asked.slice(0, i).reduce((sum, { n }) => sum + n, 0);
        const whole = await generate(one, signal, (k, begun) => {
          if (!events.isBehind) send(first + k, begun());
        });
        for (const [k, generated] of whole.entries()) send(first + k, generated);
      }),
    );
  });
}

interface Output {
  readonly tokens: readonly JudgedToken[];
  readonly text: string;
  /** Null while there is more to come. */
  readonly reason: Generated['meta_info']['finish_reason'];
  /** Tokens of the prompt that were not computed; nobody knows before the end. */
  readonly cached: number;
}

function generatedOf(
  asked: Asked,
  judged: readonly JudgedToken[] | null,
  id: string,
  { tokens, text, reason, cached }: Output,
): Generated {
  return {
    text,
    output_ids: tokens.map((token) => token.id),
    meta_info: {
      ...{ id, finish_reason: reason },
      ...{ prompt_tokens: asked.prefix.ids.length, completion_tokens: tokens.length, cached_tokens: cached },
      ...(judged === null ? {} : logProbsOf(asked, judged, tokens)),
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
