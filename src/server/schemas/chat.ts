import { z } from 'zod';
import {
  emptyList,
  ignored,
  listOf,
  mostAlternatives,
  mostSequences,
  only,
  openAiSampling,
  usageSchema,
} from './common.js';

const mostMessages = 1000;
const mostParts = 100;

const partSchema = z.strictObject({ type: z.literal('text'), text: z.string() });

const messageSchema = z.strictObject({
  /** `developer` is `system` by its newer name. */
  role: z.enum(['system', 'developer', 'user', 'assistant']),
  content: z.union([z.string(), listOf(partSchema, mostParts)], { error: 'must be a text or a list of text parts' }),
  name: z.unknown().optional(),
  refusal: z.null().optional(),
});

/** What a request to the model `atts` may ask of the method. */
const methodSchema = z.strictObject({
  /** Chains; the majority of their answers is the answer. */
  samples: z.int().min(1).max(mostSequences).nullish(),
  turns: z.int().min(1).max(1000).nullish(),
  /** Whether the answer comes with its chains. */
  chains: z.boolean().nullish(),
});

export const chatBody = z.strictObject({
  ...openAiSampling,
  messages: listOf(messageSchema, mostMessages),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(mostAlternatives).nullish(),
  /** The last message is the assistant's and is gone on with. */
  continue_final_message: z.boolean().nullish(),
  add_generation_prompt: z.boolean().nullish(),
  response_format: z.strictObject({ type: only('text') }).nullish(),
  tools: emptyList.nullish(),
  tool_choice: z.enum(['none', 'auto'], { error: 'is only supported as none or auto' }).nullish(),
  parallel_tool_calls: ignored.user,
  modalities: z.tuple([z.literal('text')], { error: 'are only supported as ["text"]' }).nullish(),
  atts: methodSchema.nullish(),
});

export type ChatBody = z.infer<typeof chatBody>;

const alternative = z.object({ token: z.string(), logprob: z.number(), bytes: z.array(z.int()).nullable() });
const contentToken = z.object({ ...alternative.shape, top_logprobs: z.array(alternative) });
export type TokenAlternative = z.infer<typeof alternative>;

const logProbs = z.object({ content: z.array(contentToken), refusal: z.null() }).nullable();
export type ChatLogProbs = z.infer<typeof logProbs>;

const choiceSchema = z.object({
  index: z.int(),
  message: z.object({ role: z.literal('assistant'), content: z.string().nullable(), refusal: z.null() }),
  logprobs: logProbs,
  finish_reason: z.enum(['stop', 'length']),
  stop_reason: z.union([z.string(), z.int()]).nullable(),
  token_ids: z.array(z.int()).optional(),
});

export type ChatChoice = z.infer<typeof choiceSchema>;

const chainSchema = z.object({
  sample: z.int(),
  answer: z.string().nullable(),
  turns: z.int(),
  status: z.enum(['finished', 'failed']),
  chunks: z.array(
    z.object({
      author: z.enum(['draft', 'target', 'cue']),
      text: z.string(),
      tokens: z.int(),
      rejected: z.boolean(),
      score: z.number().nullable(),
      turn: z.int(),
    }),
  ),
});

/** How the model `atts` came to its answer. */
const solutionSchema = z.object({
  answer: z.string().nullable(),
  /** Chains whose answer it is, of those that were run. */
  votes: z.int(),
  samples: z.int(),
  failed: z.int(),
  decisions: z.int(),
  rejected: z.int(),
  chains: z.array(chainSchema).optional(),
});

export type SolutionBody = z.infer<typeof solutionSchema>;

export const chatSchema = z.object({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(choiceSchema),
  usage: usageSchema.nullish(),
  prompt_token_ids: z.array(z.int()).optional(),
  atts: solutionSchema.optional(),
});

export type Chat = z.infer<typeof chatSchema>;
