/** What the bodies of several routes have in common. Names are those of OpenAI, vLLM and SGLang. */
import { z } from 'zod';

export const mostAlternatives = 20;
export const mostSequences = 128;
const mostStops = 16;
const longestStop = 1000;

/** A list of bounded length, which is looked at before its elements are. */
export function listOf<T extends z.ZodType>(element: T, most: number) {
  return z.preprocess(
    (value) => (Array.isArray(value) && value.length > most ? `${value.length} elements` : value),
    z.array(element, { error: `must be a list of at most ${most}` }).max(most),
  );
}

const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isIds = (value: unknown): value is number[] => Array.isArray(value) && value.length > 0 && value.every(isId);
const isText = (value: unknown): value is string => typeof value === 'string';
const isListOf = <T>(value: unknown, isElement: (element: unknown) => element is T): value is T[] =>
  Array.isArray(value) && value.length > 0 && value.every(isElement);

const idsJson = { type: 'array', items: { type: 'integer', minimum: 0 }, minItems: 1 } as const;

/** One list of token ids, or several. */
export const idsSchema = z
  .custom<number[] | number[][]>(
    (value) => isIds(value) || isListOf(value, isIds),
    'must be token ids or lists of them',
  )
  .meta({ anyOf: [idsJson, { type: 'array', items: idsJson, minItems: 1 }] });

/** One text, or several. */
export const textsSchema = z
  .custom<string | string[]>((value) => isText(value) || isListOf(value, isText), 'must be a text or a list of texts')
  .meta({ anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' }, minItems: 1 }] });

/** Looked at by hand: a union of lists would try a million ids as texts first. */
export const promptSchema = z
  .custom<string | string[] | number[] | number[][]>(
    (value) => isText(value) || isListOf(value, isText) || isIds(value) || isListOf(value, isIds),
    'must be a text, token ids, or a list of either',
  )
  .meta({
    anyOf: [
      { type: 'string' },
      { type: 'array', items: { type: 'string' }, minItems: 1 },
      idsJson,
      { type: 'array', items: idsJson, minItems: 1 },
    ],
  });

const isStop = (value: unknown): value is string => isText(value) && value.length > 0 && value.length <= longestStop;

export const stopSchema = z
  .custom<string | string[] | null>(
    (value) =>
      value === null || isStop(value) || (Array.isArray(value) && value.length <= mostStops && value.every(isStop)),
    `must be a text or a list of at most ${mostStops} texts, each of 1 to ${longestStop} characters`,
  )
  .meta({
    anyOf: [
      { type: 'null' },
      { type: 'string', minLength: 1, maxLength: longestStop },
      { type: 'array', items: { type: 'string', minLength: 1, maxLength: longestStop }, maxItems: mostStops },
    ],
  })
  .optional();

export const stopsOf = (stop: string | string[] | null | undefined): string[] =>
  typeof stop === 'string' ? [stop] : (stop ?? []);

export const temperatureSchema = z.number().min(0).max(1000).nullish();
export const topPSchema = z.number().gt(0).max(1).nullish();
export const seedSchema = z.int().nullish();

/** A parameter that would change the result and is only taken at the value that changes nothing. */
export const only = <T extends string | number | boolean>(value: T) =>
  z.literal(value, { error: `is only supported as ${JSON.stringify(value)}` }).nullish();
export const emptyList = z.array(z.unknown()).max(0, { error: 'are not supported' });
const onlyEmpty = z.strictObject({}, { error: 'is only supported empty' }).nullish();

/** Parameters that change no result: taken and ignored. */
export const ignored = {
  user: z.unknown().optional(),
  metadata: z.unknown().optional(),
  store: z.unknown().optional(),
  service_tier: z.unknown().optional(),
  safety_identifier: z.unknown().optional(),
  prompt_cache_key: z.unknown().optional(),
  prompt_cache_retention: z.unknown().optional(),
  priority: z.unknown().optional(),
  request_id: z.unknown().optional(),
};

/** Of a request to either of OpenAI's routes. */
export const openAiSampling = {
  model: z.string().nullish(),
  temperature: temperatureSchema,
  top_p: topPSchema,
  n: z.int().min(1).max(mostSequences).nullish(),
  seed: seedSchema,
  stop: stopSchema,
  include_stop_str_in_output: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: z.unknown().optional() })
    .nullish(),
  return_token_ids: z.boolean().nullish(),
  presence_penalty: only(0),
  frequency_penalty: only(0),
  repetition_penalty: only(1),
  top_k: z.union([z.literal(-1), z.literal(0)], { error: 'is only supported as -1' }).nullish(),
  min_p: only(0),
  logit_bias: onlyEmpty,
  ignore_eos: only(false),
  skip_special_tokens: only(true),
  spaces_between_special_tokens: z.unknown().optional(),
  ...ignored,
};

export const usageSchema = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.object({ cached_tokens: z.int() }),
});

export type UsageBody = z.infer<typeof usageSchema>;

const errorSchema = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
});

/** What a route answers at once, or as server-sent events. */
export const orStream = <T extends z.ZodType>(schema: T) => ({
  description: 'The whole answer, or its pieces with `stream`',
  content: {
    'application/json': { schema },
    'text/event-stream': { schema: z.unknown().describe('Server-sent events') },
  },
});

export const errors = {
  400: errorSchema.describe('The request is not valid, or asks for what is not supported'),
  401: errorSchema.describe('The key is missing or wrong'),
  404: errorSchema.describe('There is no such model'),
  413: errorSchema.describe('The body is too large'),
  415: errorSchema.describe('The body is not JSON'),
  429: errorSchema.describe('The server is busy; Retry-After says when to come again'),
  500: errorSchema.describe('The server failed'),
  503: errorSchema.describe('The server is about to end'),
};
