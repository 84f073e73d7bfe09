import { activationOf, commonDecoderConfig, everyLayer, type Family, readCommon, readRope } from './decoder-config.js';
import { refuseSlidingWindow } from './qwen2.js';
import { attentionBiases, huggingFaceNames, queryKeyNorms } from './weight-names.js';

/** Qwen3: RMSNorm on every query and key head before the rotation (Yang et al. 2025, arXiv 2505.09388). */
export const qwen3: Family = {
  name: 'qwen3',
  modelTypes: ['qwen3'],
  decoderConfig(config) {
    const common = readCommon(config);
    refuseSlidingWindow(config);
    const headDim = common.head_dim ?? 128;
    return {
      ...commonDecoderConfig({ ...common, head_dim: headDim }),
      family: 'qwen3',
      activation: activationOf(config, 'hidden_act', 'silu'),
      rope: everyLayer(common, readRope(common, 10_000)),
      slidingWindow: everyLayer(common, null),
    };
  },
  weightNames(config) {
    const common = readCommon(config);
    return huggingFaceNames(common.tie_word_embeddings, (layer) => ({
      ...queryKeyNorms(layer),
      ...(common.attention_bias ? { ...attentionBiases(layer), oBias: `${layer}.self_attn.o_proj.bias` } : {}),
    }));
  },
};
