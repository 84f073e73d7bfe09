import type { Checkpoint, StoredTensor } from '../../models/checkpoint/checkpoint.js';
import { familyOf } from '../../models/families/index.js';

/** Keys of a llama's config.json. */
export interface LlamaShape extends Readonly<Record<string, unknown>> {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly vocab_size: number;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
  readonly max_position_embeddings: number;
  readonly eos_token_id: number;
}

/** The shape of SmolLM2-135M (Allal et al. 2025, arXiv 2502.02737), as its config.json has it. */
export const smolLm2Shape: LlamaShape = {
  ...{ model_type: 'llama', hidden_act: 'silu', hidden_size: 576, intermediate_size: 1536, num_hidden_layers: 30 },
  ...{ num_attention_heads: 9, num_key_value_heads: 3, vocab_size: 49_152, max_position_embeddings: 8192 },
  ...{ rms_norm_eps: 1e-5, rope_theta: 100_000, tie_word_embeddings: true, eos_token_id: 2 },
};

/** Seeded weights of a llama's shape: what a pass costs does not depend on what the weights say. */
export function randomCheckpoint(id: string, config: LlamaShape): Checkpoint {
  const { hidden_size: d, intermediate_size: f, vocab_size: V, num_hidden_layers: layers } = config;
  const h = d / config.num_attention_heads;
  const [H, G] = [config.num_attention_heads * h, config.num_key_value_heads * h];
  const names = familyOf(config).weightNames(config);
  const shapes = new Map<string, readonly number[]>([
    [names.embedding, [V, d]],
    [names.finalNorm, [d]],
  ]);
  for (let layer = 0; layer < layers; layer++) {
    const { inputNorm, mlpNorm, q, k, v, o, gate, up, down } = names.layer(layer);
    const own = { [inputNorm]: [d], [mlpNorm]: [d], [q]: [H, d], [k]: [G, d], [v]: [G, d], [o]: [d, H] };
    for (const [name, shape] of Object.entries({ ...own, [gate]: [f, d], [up]: [f, d], [down]: [d, f] })) {
      shapes.set(name, shape);
    }
  }
  let seed = 1;
  const tensors = [...shapes].map(([name, shape]): [string, StoredTensor] => {
    const own = seed++;
    const width = shape.slice(1).reduce((a, b) => a * b, 1);
    const read = (first = 0, count = shape[0]) => randomValues(shape, own, first * width, count * width);
    return [name, { name, shape, dtype: 'F32', read }];
  });
  return { id, folder: id, config, tensors: new Map(tensors), hash: '', close() {} };
}

/**
 * Values from the index `from` on. Norms are 1; matrices are uniform with the variance that keeps a row's size,
 * 1 / inputs. Each value depends on its index alone, so that any rows can be read.
 */
function randomValues(shape: readonly number[], seed: number, from: number, count: number): Float32Array {
  const values = new Float32Array(count);
  if (shape.length === 1) return values.fill(1);
  const range = Math.sqrt(12 / shape[1]) / 2 ** 32;
  for (let i = 0; i < count; i++) {
    // The finalizer of MurmurHash3.
    let state = Math.imul(from + i + 1, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca77);
    state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
    values[i] = (state ^ (state >>> 16)) * range;
  }
  return values;
}
