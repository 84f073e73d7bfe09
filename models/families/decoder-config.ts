import { z } from 'zod';
import { AttsError } from '../../src/errors.js';

/** How positions turn into angles. */
export interface RopeConfig {
  readonly theta: number;
  readonly scaling:
    | { readonly kind: 'none' }
    | { readonly kind: 'linear'; readonly factor: number }
    | {
        readonly kind: 'llama3';
        readonly factor: number;
        readonly lowFrequencyFactor: number;
        readonly highFrequencyFactor: number;
        readonly originalContextLength: number;
      }
    | YarnScaling
    | {
        /** Every frequency has a divisor of its own: how GGUF files hold llama3's. */
        readonly kind: 'divisors';
        readonly divisors: readonly number[];
      };
}

/** Peng et al. 2023, arXiv 2309.00071. */
export interface YarnScaling {
  readonly kind: 'yarn';
  readonly factor: number;
  readonly originalContextLength: number;
  /** Turns within the original context from which a frequency is kept, and up to which it is divided by the factor. */
  readonly betaFast: number;
  readonly betaSlow: number;
  /** Multiplies rotated queries and keys alike. */
  readonly attentionFactor: number;
  /** The dimensions between which frequencies are blended are whole ones. */
  readonly truncate: boolean;
}

/** Everything that tells one family's forward pass from another's. */
export interface DecoderConfig {
  readonly family: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly contextLength: number;
  readonly rmsNormEps: number;
  /** Added to every norm weight: gemma stores w − 1. */
  readonly normOffset: 0 | 1;
  /** Multiplies the embeddings: gemma √hiddenSize. */
  readonly embeddingScale: number;
  readonly activation: 'silu' | 'gelu-tanh';
  /** Multiplies q · k: 1/√headDim, or 1/√query_pre_attn_scalar. */
  readonly attentionScale: number;
  /** One a layer. */
  readonly rope: readonly RopeConfig[];
  /** One a layer: window in tokens, the row's own included; null = all. */
  readonly slidingWindow: readonly (number | null)[];
  readonly stopIds: readonly number[];
}

/** Tensor names of one layer; those that a family does not have are absent. */
export interface LayerWeightNames {
  readonly inputNorm: string;
  readonly q: string;
  readonly k: string;
  readonly v: string;
  readonly o: string;
  readonly qBias?: string;
  readonly kBias?: string;
  readonly vBias?: string;
  readonly oBias?: string;
  readonly qNorm?: string;
  readonly kNorm?: string;
  /** After attention, before the residual. */
  readonly attentionOutputNorm?: string;
  /** Before the MLP. */
  readonly mlpNorm: string;
  /** After the MLP, before the residual. */
  readonly mlpOutputNorm?: string;
  readonly gate: string;
  readonly up: string;
  readonly down: string;
  readonly gateBias?: string;
  readonly upBias?: string;
  readonly downBias?: string;
}

export interface DecoderWeightNames {
  readonly embedding: string;
  readonly finalNorm: string;
  /** Null where the head is the embedding. */
  readonly head: string | null;
  layer(index: number): LayerWeightNames;
}

export interface Family {
  readonly name: string;
  /** `model_type` values of config.json that belong to it. */
  readonly modelTypes: readonly string[];
  /** @throws AttsError `checkpoint` naming a key whose meaning is not known: never a guess */
  decoderConfig(config: Readonly<Record<string, unknown>>): DecoderConfig;
  weightNames(config: Readonly<Record<string, unknown>>): DecoderWeightNames;
}

/** Above what any tensor of a file can have. */
const positive = z
  .int()
  .positive()
  .max(2 ** 31 - 1);

/** What all families share of config.json in the Hugging Face layout. */
const commonSchema = z.object({
  model_type: z.string(),
  vocab_size: positive,
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: positive.max(10_000),
  num_attention_heads: positive,
  num_key_value_heads: positive.optional(),
  head_dim: positive.max(65_536).nullish(),
  max_position_embeddings: positive,
  rms_norm_eps: z.number().positive(),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  rope_theta: z.number().positive().optional(),
  rope_scaling: z.record(z.string(), z.unknown()).nullish(),
  rope_parameters: z.record(z.string(), z.unknown()).nullish(),
  eos_token_id: z.union([z.int(), z.array(z.int())]).nullish(),
});

export type CommonConfig = z.infer<typeof commonSchema>;

/** Keys that would change the forward pass in ways the decoder does not know; each must be absent or neutral. */
const unsupported: Record<string, (value: unknown) => boolean> = {
  quantization_config: () => true,
  num_experts: () => true,
  num_local_experts: () => true,
  attn_logit_softcapping: (value) => value !== null,
  final_logit_softcapping: (value) => value !== null,
  partial_rotary_factor: (value) => value !== 1,
  use_bidirectional_attention: (value) => value === true,
};

export function readCommon(config: Readonly<Record<string, unknown>>): CommonConfig {
  for (const [key, changes] of Object.entries(unsupported)) {
    if (key in config && changes(config[key])) {
      throw new AttsError('checkpoint', `config.json: ${key} = ${JSON.stringify(config[key])} is not supported`);
    }
  }
  const parsed = commonSchema.safeParse(config);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw new AttsError('checkpoint', `config.json: ${path.join('.')}: ${message}`);
}

export function activationOf(
  config: Readonly<Record<string, unknown>>,
  key: string,
  fallback: string,
): 'silu' | 'gelu-tanh' {
  const name = config[key] ?? fallback;
  if (name === 'silu') return 'silu';
  if (name === 'gelu_pytorch_tanh') return 'gelu-tanh';
  throw new AttsError('checkpoint', `config.json: ${key} = ${JSON.stringify(name)} is not supported`);
}

/** Rope of a layer kind from rope_theta + rope_scaling, or from the newer rope_parameters. */
export function readRope(common: CommonConfig, defaultTheta: number): RopeConfig {
  const parameters = common.rope_parameters ?? common.rope_scaling ?? {};
  const theta = Number(common.rope_theta ?? parameters.rope_theta ?? defaultTheta);
  return { theta, scaling: readScaling(parameters) };
}

const factorSchema = z.number().positive();

export function readScaling(parameters: Readonly<Record<string, unknown>>): RopeConfig['scaling'] {
  const kind = parameters.rope_type ?? parameters.type ?? 'default';
  const number = (key: string): number => {
    const value = factorSchema.safeParse(parameters[key]);
    if (!value.success) throw new AttsError('checkpoint', `config.json: rope scaling ${kind} needs a positive ${key}`);
    return value.data;
  };
  const optional = (key: string, fallback: number): number => (parameters[key] == null ? fallback : number(key));
  // NTK by parts of the length ("dynamic") changes nothing up to max_position_embeddings, where a sequence ends.
  if (kind === 'default' || kind === 'dynamic') return { kind: 'none' };
  if (kind === 'linear') return { kind: 'linear', factor: number('factor') };
  if (kind === 'llama3') {
    return {
      kind: 'llama3',
      factor: number('factor'),
      lowFrequencyFactor: number('low_freq_factor'),
      highFrequencyFactor: number('high_freq_factor'),
      originalContextLength: number('original_max_position_embeddings'),
    };
  }
  if (kind === 'yarn') {
    const factor = number('factor');
    const gain = (scale: number) => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
    const isSplit = parameters.mscale != null && parameters.mscale_all_dim != null;
    const usual = isSplit ? gain(number('mscale')) / gain(number('mscale_all_dim')) : gain(1);
    return {
      kind: 'yarn',
      factor,
      originalContextLength: number('original_max_position_embeddings'),
      betaFast: optional('beta_fast', 32),
      betaSlow: optional('beta_slow', 1),
      attentionFactor: optional('attention_factor', usual),
      truncate: parameters.truncate !== false,
    };
  }
  if (kind === 'divisors') {
    const divisors = z.array(factorSchema).safeParse(parameters.divisors);
    if (divisors.success) return { kind: 'divisors', divisors: divisors.data };
    throw new AttsError('checkpoint', 'config.json: rope scaling divisors are not positive numbers');
  }
  throw new AttsError('checkpoint', `config.json: rope scaling ${JSON.stringify(kind)} is not supported`);
}

/** The fields that no family changes. */
export function commonDecoderConfig(common: CommonConfig) {
  const headDim = common.head_dim ?? common.hidden_size / common.num_attention_heads;
  const kvHeads = common.num_key_value_heads ?? common.num_attention_heads;
  if (!Number.isInteger(headDim) || headDim % 4 !== 0 || headDim > 65_536) {
    throw new AttsError('checkpoint', `config.json: head_dim ${headDim} is not a multiple of 4`);
  }
  if (common.num_attention_heads % kvHeads !== 0) {
    throw new AttsError('checkpoint', 'config.json: num_attention_heads is not a multiple of num_key_value_heads');
  }
  const eos = common.eos_token_id ?? [];
  return {
    vocabSize: common.vocab_size,
    hiddenSize: common.hidden_size,
    intermediateSize: common.intermediate_size,
    layers: common.num_hidden_layers,
    heads: common.num_attention_heads,
    kvHeads,
    headDim,
    contextLength: common.max_position_embeddings,
    rmsNormEps: common.rms_norm_eps,
    normOffset: 0 as const,
    embeddingScale: 1,
    attentionScale: 1 / Math.sqrt(headDim),
    stopIds: Array.isArray(eos) ? eos : [eos],
  };
}

/** `value` for every layer. */
export function everyLayer<T>(common: CommonConfig, value: T): T[] {
  return new Array(common.num_hidden_layers).fill(value);
}
