import * as tf from '@tensorflow/tfjs-core';
import { KvCache } from '../../../kernels/ops/attention/index.js';
import { logits } from '../../../kernels/ops/token-log-prob/index.js';
import { toFloat32 } from '../../../kernels/tfjs.js';
import type { Checkpoint, StoredTensor } from '../../../models/checkpoint/checkpoint.js';
import { Decoder } from '../../../models/decoder.js';
import { familyOf } from '../../../models/families/index.js';
import { expectedShapes } from '../../../models/weight-shapes.js';
import { values } from '../../kernels/backend.js';

const common = {
  ...{ hidden_size: 64, intermediate_size: 96, num_hidden_layers: 3, num_attention_heads: 4, num_key_value_heads: 2 },
  ...{ vocab_size: 40, max_position_embeddings: 64, rms_norm_eps: 1e-5, rope_theta: 10_000, eos_token_id: 3 },
};

/** Small configurations of every family, with all that tells them apart. */
export const smallConfigs = {
  llama: { ...common, model_type: 'llama', head_dim: 16, attention_bias: true, mlp_bias: true },
  qwen2: { ...common, model_type: 'qwen2', tie_word_embeddings: true },
  qwen3: { ...common, model_type: 'qwen3', head_dim: 32 },
  gemma3: {
    ...{ ...common, model_type: 'gemma3_text', head_dim: 32, tie_word_embeddings: true, sliding_window: 4 },
    ...{ query_pre_attn_scalar: 32, num_hidden_layers: 7, rope_theta: 1_000_000 },
  },
};

/** Repeatable weights of a configuration, norms near what they are in a model. */
export function smallCheckpoint(config: Readonly<Record<string, unknown>>): Checkpoint {
  const family = familyOf(config);
  const decoder = family.decoderConfig(config);
  const tensors = new Map<string, StoredTensor>();
  let seed = 1;
  for (const [name, shape] of expectedShapes(decoder, family.weightNames(config))) {
    const size = shape.reduce((a, b) => a * b, 1);
    const own = values(size, seed++ * 7919).map((w) =>
      name.includes('norm') ? 1 - decoder.normOffset + 0.3 * w : 0.3 * w,
    );
    const width = size / shape[0];
    const read = (first = 0, count = shape[0]) => own.slice(first * width, (first + count) * width);
    tensors.set(name, { name, shape, dtype: 'F32', read });
  }
  return { id: 'small', folder: 'small', config, tensors, hash: '', close() {} };
}

/** Logits [T, V] of some ids. */
export function logitsOf(checkpoint: Checkpoint, dtype: 'f32' | 'auto' = 'f32', T = 12): Float32Array {
  const decoder = Decoder.load(checkpoint, dtype);
  const cache = new KvCache(decoder.cacheShape(4, 16));
  const ids = Int32Array.from({ length: T }, (_, t) => (t * 7 + 3) % decoder.config.vocabSize);
  const positions = Int32Array.from({ length: T }, (_, t) => t);
  const rows = { positions, slots: positions, tables: new Int32Array(T), pages: Int32Array.of(0, 1, 2, 3) };
  const found = tf.tidy(() => toFloat32(logits(decoder.forward(ids, rows, cache), decoder.head)));
  cache.dispose();
  decoder.dispose();
  return found;
}
