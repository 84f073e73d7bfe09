import { z } from 'zod';
import { AttsError } from '../../src/errors.js';
import {
  activationOf,
  commonDecoderConfig,
  type Family,
  type RopeConfig,
  readCommon,
  readRope,
  readScaling,
} from './decoder-config.js';
import { huggingFaceNames, queryKeyNorms } from './weight-names.js';

const gemmaSchema = z.object({
  query_pre_attn_scalar: z.number().positive().default(256),
  sliding_window: z.int().positive().default(4096),
  sliding_window_pattern: z.int().positive().optional(),
  _sliding_window_pattern: z.int().positive().optional(),
  layer_types: z.array(z.enum(['sliding_attention', 'full_attention'])).optional(),
  /** Absent in config.json, where weights are stored less one; 0 where a format has it added. */
  norm_offset: z.union([z.literal(0), z.literal(1)]).default(1),
  rope_local_base_freq: z.number().positive().default(10_000),
});

/**
 * Gemma 3, text (Gemma Team 2025, arXiv 2503.19786): norms on queries and keys and around both blocks, norm weights
 * stored less one, scaled embeddings, and five layers of sliding windows with a rotary base of their own to one layer
 * of full attention.
 */
export const gemma3: Family = {
  name: 'gemma3',
  modelTypes: ['gemma3_text'],
  decoderConfig(config) {
    const common = readCommon({ tie_word_embeddings: true, ...config });
    const parsed = gemmaSchema.safeParse(config);
    if (!parsed.success) {
      const { path, message } = parsed.error.issues[0];
      throw new AttsError('checkpoint', `config.json: ${path.join('.')}: ${message}`);
    }
    const own = parsed.data;
    const pattern = own.sliding_window_pattern ?? own._sliding_window_pattern ?? 6;
    if (own.layer_types && own.layer_types.length !== common.num_hidden_layers) {
      throw new AttsError(
        'checkpoint',
        `config.json: ${own.layer_types.length} layer_types for ${common.num_hidden_layers} layers`,
      );
    }
    const slides = Array.from({ length: common.num_hidden_layers }, (_, layer) =>
      own.layer_types ? own.layer_types[layer] === 'sliding_attention' : (layer + 1) % pattern !== 0,
    );
    const byKind = common.rope_parameters as Record<string, Record<string, unknown>> | null | undefined;
    const full: RopeConfig = byKind?.full_attention
      ? { theta: Number(byKind.full_attention.rope_theta), scaling: readScaling(byKind.full_attention) }
      : readRope(common, 1_000_000);
    const local: RopeConfig = byKind?.sliding_attention
      ? { theta: Number(byKind.sliding_attention.rope_theta), scaling: readScaling(byKind.sliding_attention) }
      : { theta: own.rope_local_base_freq, scaling: { kind: 'none' } };
    return {
      ...commonDecoderConfig({ ...common, head_dim: common.head_dim ?? 256 }),
      family: 'gemma3',
      normOffset: own.norm_offset,
      embeddingScale: Math.sqrt(common.hidden_size),
      activation: activationOf(config, 'hidden_activation', 'gelu_pytorch_tanh'),
      attentionScale: 1 / Math.sqrt(own.query_pre_attn_scalar),
      rope: slides.map((sliding) => (sliding ? local : full)),
      slidingWindow: slides.map((sliding) => (sliding ? own.sliding_window : null)),
    };
  },
  weightNames(config) {
    const common = readCommon({ tie_word_embeddings: true, ...config });
    return huggingFaceNames(common.tie_word_embeddings, (layer) => ({
      ...queryKeyNorms(layer),
      attentionOutputNorm: `${layer}.post_attention_layernorm.weight`,
      mlpNorm: `${layer}.pre_feedforward_layernorm.weight`,
      mlpOutputNorm: `${layer}.post_feedforward_layernorm.weight`,
    }));
  },
};
