import { randomUUID } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import type { Prefix, Usage } from '../../engine/engine.js';
import { CompletionLogProbsWriter } from '../completion-log-probs.js';
import type { App, ServerContext } from '../context.js';
import { HttpError } from '../errors.js';
import { readPrompt, type ServedModel } from '../models.js';
import { continuePrompt, judgePrompt, type Sampling, stopTextOf, type Written } from '../sampling.js';
import { errors, orStream, stopsOf } from '../schemas/common.js';
import {
  type Completion,
  type CompletionChoice,
  type CompletionsBody,
  completionSchema,
  completionsBody,
  type PromptLogProb,
} from '../schemas/completions.js';
import { EventStream } from '../sse.js';
import { alternativesWith, type JudgedToken, judgedTokens, tokenLabel } from '../token-labels.js';
import { usageBody } from '../usage.js';

const defaultMaxTokens = 16;

/** What is asked for, with everything that depends on the model decided. */
interface Asked {
  readonly model: ServedModel;
  readonly prompts: readonly Prefix[];
  readonly n: number;
  readonly sampling: Sampling;
  readonly body: CompletionsBody;
}

export function completionsRoute(app: App, { models, admission }: ServerContext): void {
  app.post(
    '/v1/completions',
    {
      schema: {
        summary: 'Continue texts or token ids',
        tags: ['OpenAI'],
        body: completionsBody,
        response: { 200: orStream(completionSchema), ...errors },
      },
    },
    async (request, reply) => {
      const asked = read(models.named(request.body.model), request.body);
      return admission.run(asked.prompts.length * asked.n, async () =>
        request.body.stream ? stream(asked, request.closed, reply) : reply.send(await complete(asked, request.closed)),
      );
    },
  );
}

function read(model: ServedModel, body: CompletionsBody): Asked {
  const { logprobs, echo, stream, prompt_logprobs: promptLogProbs } = body;
  const maxTokens = body.max_tokens ?? defaultMaxTokens;
  const n = body.n ?? 1;
  if ((body.best_of ?? n) !== n) throw new HttpError(400, 'best_of is only supported as n', { param: 'best_of' });
  if (stream && typeof promptLogProbs === 'number') {
    throw new HttpError(400, 'prompt_logprobs is not streamed', { param: 'prompt_logprobs' });
  }
  if (maxTokens === 0 && !echo && typeof promptLogProbs !== 'number') {
    throw new HttpError(400, 'max_tokens 0 needs echo or prompt_logprobs', { param: 'max_tokens' });
  }
  const prompts = promptsOf(body.prompt).map((prompt) => readPrompt(model, prompt, maxTokens === 0 ? 0 : 1));
  const sampling: Sampling = {
    ...{ maxTokens, temperature: body.temperature ?? 1, topP: body.top_p ?? 1, stop: stopsOf(body.stop) },
    ...{ keepsStop: body.include_stop_str_in_output ?? false, seed: body.seed ?? null, top: logprobs ?? null },
  };
  return { model, prompts, n, sampling, body };
}

function promptsOf(prompt: CompletionsBody['prompt']): (string | number[])[] {
  if (typeof prompt === 'string') return [prompt];
  return typeof prompt[0] === 'number' ? [prompt as number[]] : (prompt as (string | number[])[]);
}

async function complete(asked: Asked, signal: AbortSignal): Promise<Completion> {
  const { model, prompts, n, sampling } = asked;
  const answered = await Promise.all(
    prompts.map(async (prefix) => {
      const judged = await judgedPrompt(asked, prefix, signal);
      const written = await continuePrompt(model, prefix, sampling, n, () => ({ signal }));
      return { prefix, judged, written };
    }),
  );
  const choices = answered.flatMap(({ prefix, judged, written }, i) =>
    written.map((one, k) => choiceOf(asked, i * n + k, prefix, judged, one)),
  );
  const usage = usageBody(answered.map(({ written }) => written.map(({ generation }) => generation.usage)));
  return { ...headOf(asked), choices, usage };
}

function headOf({ model }: Asked) {
  const created = Math.floor(Date.now() / 1000);
  return { id: `cmpl-${randomUUID()}`, object: 'text_completion' as const, created, model: model.id };
}

/** The tokens of the prompt with their log-probabilities, where they are asked for. */
async function judgedPrompt({ model, sampling, body }: Asked, prefix: Prefix, signal: AbortSignal) {
  const inEcho = body.echo ? sampling.top : null;
  const top = Math.max(inEcho ?? -1, body.prompt_logprobs ?? -1);
  return top < 0 ? null : judgePrompt(model, prefix, 0, top, signal);
}

function choiceOf(
  { model, sampling, body }: Asked,
  index: number,
  prefix: Prefix,
  judged: readonly JudgedToken[] | null,
  { generation, text, finish, matched }: Written,
): CompletionChoice {
  const { tokenizer } = model.engine;
  const log = new CompletionLogProbsWriter(tokenizer, sampling.top ?? 0);
  const logProbs =
    sampling.top === null
      ? null
      : log.write([...(body.echo ? (judged ?? []) : []), ...judgedTokens(generation.ids, generation)]);
  const promptTop = body.prompt_logprobs;
  return {
    ...{ index, text: body.echo ? prefix.text + text : text, logprobs: logProbs },
    ...{ finish_reason: finish, stop_reason: matched },
    ...(typeof promptTop === 'number'
      ? { prompt_logprobs: judged?.map((token) => promptLogProb(model, token, promptTop)) }
      : {}),
    ...(body.return_token_ids ? { token_ids: [...generation.ids], prompt_token_ids: [...prefix.ids] } : {}),
  };
}

/** By id, as vLLM tells them; a rank beyond the alternatives is not known. */
function promptLogProb({ engine }: ServedModel, token: JudgedToken, top: number): PromptLogProb | null {
  if (token.logProb === null) return null;
  const ranked = token.top.slice(0, top);
  return Object.fromEntries(
    alternativesWith({ ...token, top: ranked }).map(({ id, logProb }) => {
      const rank = token.top.findIndex((other) => other.id === id) + 1;
      return [
        id,
        { logprob: logProb, rank: rank === 0 ? null : rank, decoded_token: tokenLabel(engine.tokenizer, id) },
      ];
    }),
  );
}

function stream(asked: Asked, signal: AbortSignal, reply: FastifyReply): Promise<FastifyReply> {
  const { model, prompts, n, sampling, body } = asked;
  const { tokenizer } = model.engine;
  const events = new EventStream(reply);
  const head = headOf(asked);
  const includeUsage = body.stream_options?.include_usage ?? false;
  const send = (choice: Partial<CompletionChoice> & Pick<CompletionChoice, 'index' | 'text'>) =>
    events.send({
      ...head,
      choices: [{ logprobs: null, finish_reason: null, stop_reason: null, ...choice }],
      ...(includeUsage ? { usage: null } : {}),
    });
  const usages: Usage[][] = [];
  const one = async (prefix: Prefix, i: number) => {
    const judged = await judgedPrompt(asked, prefix, signal);
    const logs = Array.from({ length: n }, () => new CompletionLogProbsWriter(tokenizer, sampling.top ?? 0));
    const texts = Array.from({ length: n }, () => stopTextOf(model, sampling));
    const logged = (k: number, tokens: JudgedToken[]) => (sampling.top === null ? null : logs[k].write(tokens));
    if (body.echo) {
      for (let k = 0; k < n; k++) send({ index: i * n + k, text: prefix.text, logprobs: logged(k, judged ?? []) });
    }
    const written = await continuePrompt(model, prefix, sampling, n, (k) => ({
      signal,
      onTokens: (ids, told) =>
        send({
          ...{ index: i * n + k, text: texts[k].push(ids), logprobs: logged(k, judgedTokens(ids, told ?? {})) },
          ...(body.return_token_ids ? { token_ids: [...ids] } : {}),
        }),
    }));
    for (const [k, { finish, matched }] of written.entries()) {
      send({ index: i * n + k, text: texts[k].flush(), finish_reason: finish, stop_reason: matched });
    }
    usages[i] = written.map(({ generation }) => generation.usage);
  };
  return events.answer(async () => {
    await Promise.all(prompts.map(one));
    if (includeUsage) events.send({ ...head, choices: [], usage: usageBody(usages) });
  });
}
