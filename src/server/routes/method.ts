import { randomInt, randomUUID } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import type { Solution, Solver } from '../../scaling/solve.js';
import type { ServerContext } from '../context.js';
import { HttpError } from '../errors.js';
import { checkedText } from '../models.js';
import type { Chat, ChatBody, SolutionBody } from '../schemas/chat.js';
import type { UsageBody } from '../schemas/common.js';
import { EventStream } from '../sse.js';
import { messagesOf } from './chat.js';

/** The model whose answers are those of the whole method. */
export const methodModel = 'atts';

/** What a model alone can be asked for, and the method cannot. */
const notOfMethod = [
  ...(['n', 'stop', 'logprobs', 'top_logprobs', 'max_tokens', 'max_completion_tokens'] as const),
  ...(['continue_final_message', 'return_token_ids', 'include_stop_str_in_output'] as const),
] satisfies (keyof ChatBody)[];

/** Answers with the majority of the chains, which come with it where the request says so. */
export async function answerByMethod(
  { models, admission, metrics }: ServerContext,
  solver: Solver,
  { body, closed: signal }: { body: ChatBody; closed: AbortSignal },
  reply: FastifyReply,
): Promise<FastifyReply> {
  const unfit = notOfMethod.find((name) => body[name] && !(name === 'n' && body.n === 1));
  if (unfit) {
    throw new HttpError(400, `${unfit} is not for the model ${methodModel}; atts: { samples, turns, chains } is`, {
      param: unfit,
    });
  }
  const messages = messagesOf(body);
  for (const { content } of messages) checkedText(models.all[0], content);
  const samples = body.atts?.samples ?? solver.defaults.samples;
  const settings = {
    ...{ samples, seed: body.seed ?? randomInt(2 ** 32), turns: body.atts?.turns ?? solver.defaults.turns },
    ...{ temperature: body.temperature ?? solver.defaults.temperature, topP: body.top_p ?? solver.defaults.topP },
  };
  return admission.run(samples, async () => {
    const solution = await solver.solve({
      ...{ messages, settings, signal },
      onEvent: ({ rejected }) => rejected !== null && metrics.decidedOn(rejected),
    });
    const chat = chatOf(solution, body);
    return body.stream ? stream(chat, body, reply) : reply.send(chat);
  });
}

function chatOf(solution: Solution, body: ChatBody): Chat {
  const { answer } = solution;
  return {
    ...{ id: `chatcmpl-${randomUUID()}`, object: 'chat.completion', created: Math.floor(Date.now() / 1000) },
    model: methodModel,
    choices: [
      {
        ...{ index: 0, message: { role: 'assistant', content: answer, refusal: null }, logprobs: null },
        ...{ finish_reason: answer === null ? 'length' : 'stop', stop_reason: null },
      },
    ],
    usage: usageOf(solution),
    atts: solutionBody(solution, body.atts?.chains ?? false),
  };
}

function solutionBody({ answer, votes, chains, events }: Solution, withChains: boolean): SolutionBody {
  const decisions = events.filter(({ rejected }) => rejected !== null);
  return {
    ...{ answer, votes, samples: chains.length },
    failed: chains.filter(({ status }) => status === 'failed').length,
    decisions: decisions.length,
    rejected: decisions.filter(({ rejected }) => rejected).length,
    ...(withChains
      ? {
          chains: chains.map(({ sample, answer, turns, status, chunks }) => ({
            ...{ sample, answer, turns, status },
            chunks: chunks.map(({ author, text, tokens, rejected, score, turn }) => ({
              ...{ author, text, tokens, rejected, score, turn },
            })),
          })),
        }
      : {}),
  };
}

/** Tokens that the models read and wrote, scores among what was read. */
function usageOf({ events }: Solution): UsageBody {
  const usage = { prompt: 0, cached: 0, completion: 0 };
  for (const { kind, promptTokens, cachedTokens, tokens } of events) {
    usage.prompt += promptTokens + (kind === 'score' ? tokens : 0);
    usage.cached += cachedTokens;
    usage.completion += kind === 'score' ? 0 : tokens;
  }
  return {
    ...{ prompt_tokens: usage.prompt, completion_tokens: usage.completion },
    total_tokens: usage.prompt + usage.completion,
    prompt_tokens_details: { cached_tokens: usage.cached },
  };
}

/** The answer is not known before its chains have ended: it comes in one piece. */
function stream({ choices: [choice], usage, atts, ...head }: Chat, body: ChatBody, reply: FastifyReply) {
  const events = new EventStream(reply);
  const { role, content } = choice.message;
  const { finish_reason, stop_reason } = choice;
  const chunk = { ...head, object: 'chat.completion.chunk' };
  return events.answer(async () => {
    const delta = { role, content: content ?? '' };
    events.send({ ...chunk, atts, choices: [{ index: 0, delta, logprobs: null, finish_reason, stop_reason }] });
    if (body.stream_options?.include_usage) events.send({ ...chunk, choices: [], usage });
  });
}
