import { randomUUID } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import type { ChatMessage, Prefix } from '../../engine/engine.js';
import type { App, ServerContext } from '../context.js';
import { HttpError } from '../errors.js';
import { checkedText, checkLength, type ServedModel } from '../models.js';
import { continuePrompt, type Sampling, stopTextOf, type Written } from '../sampling.js';
import {
  type Chat,
  type ChatBody,
  type ChatChoice,
  type ChatLogProbs,
  chatBody,
  chatSchema,
  type TokenAlternative,
} from '../schemas/chat.js';
import { errors, orStream, stopsOf } from '../schemas/common.js';
import { EventStream } from '../sse.js';
import { alternativesWith, type JudgedToken, judgedTokens, tokenLabel } from '../token-labels.js';
import { usageBody } from '../usage.js';
import { answerByMethod, methodModel } from './method.js';

export function chatRoute(app: App, context: ServerContext): void {
  app.post(
    '/v1/chat/completions',
    {
      schema: {
        summary: 'Answer a chat; model `atts` answers with the whole method',
        tags: ['OpenAI'],
        body: chatBody,
        response: { 200: orStream(chatSchema), ...errors },
      },
    },
    async (request, reply) => {
      const { body, closed } = request;
      if (body.model === methodModel && context.solver) return answerByMethod(context, context.solver, request, reply);
      if (body.atts) throw new HttpError(400, `atts is for the model ${methodModel}`, { param: 'atts' });
      const asked = read(context.models.named(body.model), body);
      return context.admission.run(asked.n, async () =>
        body.stream ? stream(asked, closed, reply) : reply.send(await complete(asked, closed)),
      );
    },
  );
}

interface Asked {
  readonly model: ServedModel;
  readonly prefix: Prefix;
  readonly n: number;
  readonly sampling: Sampling;
  readonly body: ChatBody;
}

function read(model: ServedModel, body: ChatBody): Asked {
  if (body.top_logprobs && !body.logprobs) {
    throw new HttpError(400, 'top_logprobs needs logprobs', { param: 'top_logprobs' });
  }
  const prefix = promptOf(model, body);
  const sampling: Sampling = {
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? model.contextLength,
    ...{ temperature: body.temperature ?? 1, topP: body.top_p ?? 1, stop: stopsOf(body.stop) },
    ...{ keepsStop: body.include_stop_str_in_output ?? false, seed: body.seed ?? null },
    top: body.logprobs ? (body.top_logprobs ?? 0) : null,
  };
  return { model, prefix, n: body.n ?? 1, sampling, body };
}

/** Messages as the engine knows them. */
export function messagesOf({ messages }: Pick<ChatBody, 'messages'>): ChatMessage[] {
  if (messages.length === 0) throw new HttpError(400, 'messages: there is none', { param: 'messages' });
  return messages.map(({ role, content }) => ({
    role: role === 'developer' ? 'system' : role,
    content: typeof content === 'string' ? content : content.map(({ text }) => text).join(''),
  }));
}

/** @throws HttpError 400 for messages that make no prompt, or one that is too long */
export function promptOf(
  model: ServedModel,
  body: Pick<ChatBody, 'messages' | 'continue_final_message' | 'add_generation_prompt'>,
): Prefix {
  const { tokenizer } = model.engine;
  const messages = messagesOf(body);
  for (const { content } of messages) checkedText(model, content);
  const last = messages.at(-1) as ChatMessage;
  const continues = body.continue_final_message ?? false;
  if ((body.add_generation_prompt ?? !continues) === continues) {
    const what = continues ? 'true goes without continue_final_message' : 'false goes with continue_final_message';
    throw new HttpError(400, `add_generation_prompt: ${what}`, { param: 'add_generation_prompt' });
  }
  if (continues && last.role !== 'assistant') {
    throw new HttpError(400, "continue_final_message: the last message is not the assistant's", { param: 'messages' });
  }
  const opened = tokenizer.chat(continues ? messages.slice(0, -1) : messages);
  const begun = continues ? last.content : '';
  const ids = begun === '' ? opened.ids : [...opened.ids, ...tokenizer.encodeContinuation(begun)];
  checkLength(model, ids.length, 1);
  return { ...opened, ids, text: opened.text + begun };
}

function headOf({ model }: Asked, object: 'chat.completion' | 'chat.completion.chunk') {
  return { id: `chatcmpl-${randomUUID()}`, object, created: Math.floor(Date.now() / 1000), model: model.id };
}

async function complete(asked: Asked, signal: AbortSignal): Promise<Chat> {
  const { model, prefix, n, sampling, body } = asked;
  const written = await continuePrompt(model, prefix, sampling, n, () => ({ signal }));
  return {
    ...headOf(asked, 'chat.completion'),
    object: 'chat.completion',
    choices: written.map((one, index) => choiceOf(asked, index, one)),
    usage: usageBody([written.map(({ generation }) => generation.usage)]),
    ...(body.return_token_ids ? { prompt_token_ids: [...prefix.ids] } : {}),
  };
}

function choiceOf(asked: Asked, index: number, { generation, text, finish, matched }: Written): ChatChoice {
  return {
    ...{ index, message: { role: 'assistant', content: text, refusal: null } },
    logprobs: logProbsOf(asked, judgedTokens(generation.ids, generation)),
    ...{ finish_reason: finish, stop_reason: matched },
    ...(asked.body.return_token_ids ? { token_ids: [...generation.ids] } : {}),
  };
}

function logProbsOf({ model, sampling }: Asked, tokens: readonly JudgedToken[]): ChatLogProbs {
  const { top } = sampling;
  if (top === null) return null;
  const { tokenizer } = model.engine;
  const entry = (id: number, logprob: number): TokenAlternative => {
    const bytes = [...tokenizer.bytes([id])];
    return { token: tokenLabel(tokenizer, id), logprob, bytes: bytes.length === 0 ? null : bytes };
  };
  const content = tokens.map((token) => ({
    ...entry(token.id, token.logProb as number),
    top_logprobs: top === 0 ? [] : alternativesWith(token).map(({ id, logProb }) => entry(id, logProb)),
  }));
  return { content, refusal: null };
}

function stream(asked: Asked, signal: AbortSignal, reply: FastifyReply): Promise<FastifyReply> {
  const { model, prefix, n, sampling, body } = asked;
  const events = new EventStream(reply);
  const head = headOf(asked, 'chat.completion.chunk');
  const includeUsage = body.stream_options?.include_usage ?? false;
  const send = (index: number, delta: object, more: object = {}) =>
    events.send({
      ...head,
      choices: [{ index, delta, logprobs: null, finish_reason: null, ...more }],
      ...(includeUsage ? { usage: null } : {}),
    });
  const texts = Array.from({ length: n }, () => stopTextOf(model, sampling));
  return events.answer(async () => {
    const begun = new Set<number>();
    const written = await continuePrompt(model, prefix, sampling, n, (index) => ({
      signal,
      onTokens(ids, told) {
        const role = begun.has(index) ? {} : { role: 'assistant' };
        begun.add(index);
        send(
          index,
          { ...role, content: texts[index].push(ids) },
          {
            logprobs: logProbsOf(asked, judgedTokens(ids, told ?? {})),
            ...(body.return_token_ids ? { token_ids: [...ids] } : {}),
          },
        );
      },
    }));
    for (const [index, { finish, matched }] of written.entries()) {
      const rest = texts[index].flush();
      send(index, rest === '' ? {} : { content: rest }, { finish_reason: finish, stop_reason: matched });
    }
    const usage = usageBody([written.map(({ generation }) => generation.usage)]);
    if (includeUsage) events.send({ ...head, choices: [], usage });
  });
}
