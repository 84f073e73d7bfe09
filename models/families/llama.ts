import { activationOf, commonDecoderConfig, everyLayer, type Family, readCommon, readRope } from './decoder-config.js';
import { attentionBiases, huggingFaceNames } from './weight-names.js';

/** Llama 2 and 3, SmolLM2 (Touvron et al. 2023, arXiv 2307.09288; Grattafiori et al. 2024, arXiv 2407.21783). */
export const llama: Family = {
  name: 'llama',
  modelTypes: ['llama'],
  decoderConfig(config) {
    const common = readCommon(config);
    return {
      ...commonDecoderConfig(common),
      family: 'llama',
      activation: activationOf(config, 'hidden_act', 'silu'),
      rope: everyLayer(common, readRope(common, 10_000)),
      slidingWindow: everyLayer(common, null),
    };
  },
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
