import { z } from 'zod';
import {
  idsSchema,
  ignored,
  listOf,
  mostAlternatives,
  mostSequences,
  only,
  seedSchema,
  stopSchema,
  temperatureSchema,
  textsSchema,
  topPSchema,
} from './common.js';

const samplingSchema = z.strictObject({
  /** 0: the prompt is judged and nothing is written. */
  max_new_tokens: z.int().min(0).nullish(),
  temperature: temperatureSchema,
  top_p: topPSchema,
  stop: stopSchema,
  n: z.int().min(1).max(mostSequences).nullish(),
  sampling_seed: seedSchema,
  no_stop_trim: z.boolean().nullish(),
  top_k: z.union([z.literal(-1), z.literal(2 ** 30)], { error: 'is only supported as -1' }).nullish(),
  min_p: only(0),
  frequency_penalty: only(0),
  presence_penalty: only(0),
  repetition_penalty: only(1),
  min_new_tokens: only(0),
  ignore_eos: only(false),
  skip_special_tokens: only(true),
  spaces_between_special_tokens: ignored.user,
});

export type GenerateSampling = z.infer<typeof samplingSchema>;

const perPrompt = <T extends z.ZodType>(value: T) => z.union([value, listOf(value, 100_000), z.null()]).optional();

export const generateBody = z.strictObject({
  model: z.string().nullish(),
  text: textsSchema.nullish(),
  input_ids: idsSchema.nullish(),
  sampling_params: perPrompt(samplingSchema),
  return_logprob: perPrompt(z.boolean()),
  /** From this token of the prompt on; -1: the last alone. The first one told has no log-probability. */
  logprob_start_len: perPrompt(z.int().min(-1)),
  top_logprobs_num: perPrompt(z.int().min(0).max(mostAlternatives)),
  return_text_in_logprobs: z.boolean().nullish(),
  /** Log-probabilities come with the last event. */
  stream: z.boolean().nullish(),
  rid: ignored.user,
  log_metrics: ignored.user,
  ...ignored,
});

export type GenerateBody = z.infer<typeof generateBody>;

/** Log-probability, id, text where it was asked for. */
export type TokenTuple = [number | null, number, string | null];
const tokenSchema = z.custom<TokenTuple>().meta({
  ...{ description: 'Log-probability, id, text', type: 'array', items: { type: ['number', 'string', 'null'] } },
  ...{ minItems: 3, maxItems: 3 },
});
const alternativesSchema = z.array(tokenSchema).nullable();

const generatedSchema = z.object({
  text: z.string(),
  output_ids: z.array(z.int()),
  meta_info: z.object({
    id: z.string(),
    finish_reason: z
      .union([
        z.object({ type: z.literal('stop'), matched: z.union([z.string(), z.int()]).nullable() }),
        z.object({ type: z.literal('length'), length: z.int() }),
      ])
      .nullable(),
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    cached_tokens: z.int(),
    /** Seconds. */
    e2e_latency: z.number().optional(),
    input_token_logprobs: z.array(tokenSchema).optional(),
    output_token_logprobs: z.array(tokenSchema).optional(),
    input_top_logprobs: z.array(alternativesSchema).optional(),
    output_top_logprobs: z.array(alternativesSchema).optional(),
  }),
});

export type Generated = z.infer<typeof generatedSchema>;

/** One for one prompt, a list for a list of them or for several continuations. */
export const generateSchema = z.union([generatedSchema, z.array(generatedSchema)]);
