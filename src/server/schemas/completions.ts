import { z } from 'zod';
import { mostAlternatives, only, openAiSampling, promptSchema, usageSchema } from './common.js';

export const completionsBody = z.strictObject({
  ...openAiSampling,
  prompt: promptSchema,
  /** 0 with `echo`: the prompt is judged and nothing is written. */
  max_tokens: z.int().min(0).nullish(),
  echo: z.boolean().nullish(),
  logprobs: z.int().min(0).max(mostAlternatives).nullish(),
  prompt_logprobs: z.int().min(0).max(mostAlternatives).nullish(),
  best_of: z.int().nullish(),
  suffix: only(''),
  add_special_tokens: only(true),
});

export type CompletionsBody = z.infer<typeof completionsBody>;

const logProbsSchema = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().nullable()),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
  text_offset: z.array(z.int()),
});

export type CompletionLogProbs = z.infer<typeof logProbsSchema>;

const promptLogProbSchema = z.record(
  z.string(),
  z.object({ logprob: z.number(), rank: z.int().nullable(), decoded_token: z.string() }),
);

export type PromptLogProb = z.infer<typeof promptLogProbSchema>;

const choiceSchema = z.object({
  index: z.int(),
  text: z.string(),
  logprobs: logProbsSchema.nullable(),
  finish_reason: z.enum(['stop', 'length']).nullable(),
  stop_reason: z.union([z.string(), z.int()]).nullable(),
  prompt_logprobs: z.array(promptLogProbSchema.nullable()).optional(),
  token_ids: z.array(z.int()).optional(),
  prompt_token_ids: z.array(z.int()).optional(),
});

export type CompletionChoice = z.infer<typeof choiceSchema>;

export const completionSchema = z.object({
  id: z.string(),
  object: z.literal('text_completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(choiceSchema),
  usage: usageSchema.nullish(),
});

export type Completion = z.infer<typeof completionSchema>;
