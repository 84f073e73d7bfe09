import {
  activationOf,
  type CommonConfig,
  commonDecoderConfig,
  type DecoderConfig,
  everyLayer,
  type Family,
  readCommon,
  readRope,
} from './decoder-config.js';
import { attentionBiases, huggingFaceNames } from './weight-names.js';

/** Llama 2 and 3, SmolLM2 (Touvron et al. 2023, arXiv 2307.09288; Grattafiori et al. 2024, arXiv 2407.21783). */
export const llama: Family = {
  name: 'llama',
  modelTypes: ['llama'],
  decoderConfig: (config) => likeLlama('llama', config, readCommon(config)),
  weightNames(config) {
    const common = readCommon(config);
    return huggingFaceNames(common.tie_word_embeddings, (layer) => ({
      ...(common.attention_bias ? { ...attentionBiases(layer), oBias: `${layer}.self_attn.o_proj.bias` } : {}),
      ...(common.mlp_bias
        ? {
            gateBias: `${layer}.mlp.gate_proj.bias`,
            upBias: `${layer}.mlp.up_proj.bias`,
            downBias: `${layer}.mlp.down_proj.bias`,
          }
        : {}),
    }));
  },
};

/** A decoder whose layers are all alike: one rotation, full attention, gated by SiLU unless config.json says otherwise. */
export function likeLlama(
  family: string,
  config: Readonly<Record<string, unknown>>,
  common: CommonConfig,
): DecoderConfig {
  return {
    ...commonDecoderConfig(common),
    family,
    activation: activationOf(config, 'hidden_act', 'silu'),
    rope: everyLayer(common, readRope(common, 10_000)),
    slidingWindow: everyLayer(common, null),
  };
}
