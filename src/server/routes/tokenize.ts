import { z } from 'zod';
import { openText } from '../../engine/tokenizer/index.js';
import type { App, ServerContext } from '../context.js';
import { HttpError } from '../errors.js';
import { checkedText } from '../models.js';
import { chatBody } from '../schemas/chat.js';
import { emptyList, errors, idsSchema, ignored, only } from '../schemas/common.js';
import { tokenLabel } from '../token-labels.js';
import { promptOf } from './chat.js';

const tokenizeBody = z.strictObject({
  model: z.string().nullish(),
  prompt: z.string().nullish(),
  messages: chatBody.shape.messages.optional(),
  continue_final_message: z.boolean().nullish(),
  add_generation_prompt: z.boolean().nullish(),
  /** Whether the text is opened as the tokenizer opens one. */
  add_special_tokens: z.boolean().nullish(),
  return_token_strs: z.boolean().nullish(),
  ...ignored,
});

const tokenizeSchema = z.object({
  count: z.int(),
  max_model_len: z.int(),
  tokens: z.array(z.int()),
  token_strs: z.array(z.string()).nullish(),
});

const detokenizeBody = z.strictObject({
  model: z.string().nullish(),
  tokens: z.union([idsSchema, emptyList]),
  skip_special_tokens: only(true),
  ...ignored,
});

const detokenizeSchema = z.object({ prompt: z.string(), text: z.string() });

export function tokenizeRoutes(app: App, { models }: ServerContext): void {
  app.post(
    '/tokenize',
    {
      schema: {
        summary: 'Token ids of a text or a chat',
        tags: ['tokens'],
        body: tokenizeBody,
        response: { 200: tokenizeSchema, ...errors },
      },
    },
    async ({ body }) => {
      const model = models.named(body.model);
      const { tokenizer } = model.engine;
      const { prompt, messages } = body;
      if ((typeof prompt === 'string') === (messages !== undefined))
        throw new HttpError(400, 'give prompt or messages');
      const ids =
        typeof prompt === 'string'
          ? tokensOf(checkedText(model, prompt))
          : promptOf(model, { ...body, messages: messages ?? [] }).ids;
      function tokensOf(text: string): readonly number[] {
        return (body.add_special_tokens ?? true) ? openText(tokenizer, text).ids : tokenizer.encode(text);
      }
      return {
        ...{ count: ids.length, max_model_len: model.contextLength, tokens: [...ids] },
        ...(body.return_token_strs ? { token_strs: ids.map((id) => tokenLabel(tokenizer, id)) } : {}),
      };
    },
  );
  app.post(
    '/detokenize',
    {
      schema: {
        summary: 'Text of token ids; special tokens have none',
        tags: ['tokens'],
        body: detokenizeBody,
        response: { 200: detokenizeSchema, ...errors },
      },
    },
    async ({ body }) => {
      const { tokenizer } = models.named(body.model).engine;
      if (Array.isArray(body.tokens[0]))
        throw new HttpError(400, 'tokens: must be one list of ids', { param: 'tokens' });
      const text = tokenizer.decode(body.tokens as number[]);
      // By vLLM's name and by SGLang's.
      return { prompt: text, text };
    },
  );
}
