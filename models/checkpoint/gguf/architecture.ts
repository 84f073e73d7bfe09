import { AttsError } from '../../../src/errors.js';
import { shown } from '../file.js';
import type { GgufHeader, GgufValue } from './header.js';

export interface Architecture {
  /** The metadata in the terms of config.json, which models/families reads. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly headDim: number;
  /** Rows of queries and keys lie as llama.cpp rotates them. */
  readonly isRotatedPairwise: boolean;
}

/** llama.cpp's architectures that are read, by their `model_type` in config.json. */
const modelTypes: Readonly<Record<string, string>> = {
  llama: 'llama',
  qwen2: 'qwen2',
  qwen3: 'qwen3',
  gemma3: 'gemma3_text',
};

/**
 * The configuration that a file's metadata describe. Every key of the architecture must be known, and so must every
 * value that would change the result: never a guess.
 * @param ropeDivisors the tensor rope_freqs.weight, where there is one
 * @throws AttsError `checkpoint` naming the key
 */
export function readArchitecture(
  path: string,
  { metadata, tensors }: GgufHeader,
  ropeDivisors: readonly number[] | null,
): Architecture {
  const bad = (what: string) => new AttsError('checkpoint', `${path}: ${what}`);
  const name = String(metadata.get('general.architecture'));
  const modelType = Object.hasOwn(modelTypes, name) ? modelTypes[name] : null;
  const type = metadata.get('general.type') ?? 'model';
  if (modelType === null || type !== 'model') {
    const found = type === 'model' ? `general.architecture = ${shown(name)}` : `general.type = ${shown(String(type))}`;
    throw bad(`${found} is not supported (models of ${Object.keys(modelTypes).join(', ')} are)`);
  }
  if (Number(metadata.get('split.count') ?? 1) > 1) {
    throw bad('it is one of several parts; join them with llama-gguf-split --merge');
  }
  const keys = new Keys(path, name, metadata);
  const shapeOf = (tensor: string) => tensors.find((one) => one.name === tensor)?.shape;
  const embedding = shapeOf('token_embd.weight');
  if (embedding?.length !== 2) throw bad('no matrix token_embd.weight');
  const layers = keys.number('block_count');
  if (layers > tensors.length) throw bad(`${name}.block_count = ${layers}, but it has ${tensors.length} tensors`);
  const hidden = keys.number('embedding_length');
  const heads = keys.number('attention.head_count');
  const headDim = keys.optionalNumber('attention.key_length') ?? hidden / heads;
  for (const key of ['attention.value_length', 'rope.dimension_count']) {
    const value = keys.optionalNumber(key) ?? headDim;
    if (value !== headDim) throw bad(`${name}.${key} = ${value} is not the head's ${headDim}, which is not supported`);
  }
  for (const [key, neutral] of [
    ['expert_count', 0],
    ['expert_used_count', 0],
    ['attention.causal', 1],
  ] as const) {
    const value = keys.optionalNumber(key) ?? neutral;
    if (value !== neutral) throw bad(`${name}.${key} = ${value} is not supported`);
  }
  // These say nothing that the tensors do not.
  keys.ignore('vocab_size', 'rope.scaling.finetuned', 'tensor_data_layout');
  const common = {
    model_type: modelType,
    vocab_size: embedding[0],
    hidden_size: hidden,
    intermediate_size: keys.number('feed_forward_length'),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keys.optionalNumber('attention.head_count_kv') ?? heads,
    head_dim: headDim,
    max_position_embeddings: keys.number('context_length'),
    rms_norm_eps: keys.number('attention.layer_norm_rms_epsilon'),
    tie_word_embeddings: shapeOf('output.weight') === undefined,
    attention_bias: shapeOf('blk.0.attn_q.bias') !== undefined,
    mlp_bias: shapeOf('blk.0.ffn_gate.bias') !== undefined,
    rope_theta: keys.optionalNumber('rope.freq_base') ?? 10_000,
    rope_scaling: readRopeScaling(keys, ropeDivisors),
    eos_token_id: endIds(metadata),
    bos_token_id: metadata.get('tokenizer.ggml.bos_token_id') ?? null,
  };
  const config = modelType === 'gemma3_text' ? { ...common, ...readGemma3(keys, common) } : common;
  keys.checkAllUsed();
  return { config, headDim, isRotatedPairwise: name === 'llama' };
}

function readGemma3(keys: Keys, { num_hidden_layers: layers, hidden_size: hidden, ...common }: GemmaShape) {
  const key = 'attention.sliding_window_pattern';
  const pattern = keys.optional(key);
  return {
    sliding_window: keys.number('attention.sliding_window'),
    ...(ArrayBuffer.isView(pattern)
      ? {
          layer_types: Array.from(pattern as Uint8Array, (slides) => (slides ? 'sliding_attention' : 'full_attention')),
        }
      : { sliding_window_pattern: keys.optionalNumber(key) ?? 6 }),
    rope_local_base_freq: keys.optionalNumber('rope.freq_base_swa') ?? 10_000,
    // The 27B, known by its 62 layers, is the one whose queries are not scaled by the head's size (llama.cpp, gemma3).
    query_pre_attn_scalar: layers === 62 ? hidden / common.num_attention_heads : common.head_dim,
    // llama.cpp's files have it added.
    norm_offset: 0,
  };
}

interface GemmaShape {
  readonly num_hidden_layers: number;
  readonly hidden_size: number;
  readonly num_attention_heads: number;
  readonly head_dim: number;
}

/** `rope_scaling` as config.json would have it. */
function readRopeScaling(keys: Keys, divisors: readonly number[] | null): Record<string, unknown> | null {
  const linear = keys.optionalNumber('rope.scale_linear');
  const factor = keys.optionalNumber('rope.scaling.factor') ?? linear ?? 1;
  const type = keys.optional('rope.scaling.type') ?? (factor === 1 ? 'none' : 'linear');
  const yarn = {
    original_max_position_embeddings: keys.optionalNumber('rope.scaling.original_context_length'),
    beta_fast: keys.optionalNumber('rope.scaling.yarn_beta_fast'),
    beta_slow: keys.optionalNumber('rope.scaling.yarn_beta_slow'),
  };
  const scale = keys.optionalNumber('rope.scaling.attn_factor') ?? keys.optionalNumber('rope.scaling.yarn_attn_factor');
  if (type !== 'none' && type !== 'linear' && type !== 'yarn') {
    throw keys.bad(`rope.scaling.type = ${shown(String(type))} is not supported`);
  }
  const isScaled = type !== 'none' && factor !== 1;
  if (divisors) {
    if (isScaled) throw keys.bad(`rope_freqs.weight together with rope.scaling.type = ${type} is not supported`);
    return { rope_type: 'divisors', divisors };
  }
  if (!isScaled) return null;
  if (type === 'linear') return { rope_type: 'linear', factor };
  // llama.cpp's factor multiplies the one that YaRN gives; config.json's stands in its place.
  const attention = scale === undefined ? undefined : scale * (1 + 0.1 * Math.log(factor));
  return {
    ...{ rope_type: 'yarn', factor, ...yarn },
    original_max_position_embeddings: yarn.original_max_position_embeddings ?? keys.number('context_length'),
    attention_factor: attention,
  };
}

/** Ids that end a text or a turn. */
function endIds(metadata: ReadonlyMap<string, GgufValue>): number[] {
  const ids = ['eos', 'eot', 'eom'].map((name) => metadata.get(`tokenizer.ggml.${name}_token_id`));
  return [...new Set(ids.filter((id) => typeof id === 'number'))];
}

/** The keys of one architecture, each of which must be asked for. */
class Keys {
  private readonly path: string;
  private readonly prefix: string;
  private readonly values: ReadonlyMap<string, GgufValue>;
  private readonly used = new Set<string>();

  constructor(path: string, architecture: string, metadata: ReadonlyMap<string, GgufValue>) {
    this.path = path;
    this.prefix = `${architecture}.`;
    this.values = metadata;
  }

  bad(what: string): AttsError {
    return new AttsError('checkpoint', `${this.path}: ${what}`);
  }

  optional(key: string): GgufValue | undefined {
    this.used.add(this.prefix + key);
    return this.values.get(this.prefix + key);
  }

  /** A number, or a list of one number a layer where all are the same. */
  optionalNumber(key: string): number | undefined {
    const value = this.optional(key);
    if (value === undefined) return undefined;
    const list = typeof value === 'object' ? [...value].map(Number) : [Number(value)];
    if (
      typeof value === 'string' ||
      list.length === 0 ||
      !list.every((one) => Number.isFinite(one) && one === list[0])
    ) {
      throw this.bad(`${this.prefix}${key} is not one number, which is not supported`);
    }
    return list[0];
  }

  number(key: string): number {
    const value = this.optionalNumber(key);
    if (value === undefined) throw this.bad(`no metadata key ${this.prefix}${key}`);
    return value;
  }

  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.used.add(this.prefix + key);
  }

  checkAllUsed(): void {
    for (const [key, value] of this.values) {
      if (!key.startsWith(this.prefix) || this.used.has(key)) continue;
      throw this.bad(`metadata key ${shown(key)} = ${shown(String(value))} is not supported`);
    }
  }
}
