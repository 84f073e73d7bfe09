import { type Family, readCommon } from './decoder-config.js';
import { likeLlama } from './llama.js';
import { refuseSlidingWindow } from './qwen2.js';
import { attentionBiases, huggingFaceNames, queryKeyNorms } from './weight-names.js';

/** Qwen3: RMSNorm on every query and key head before the rotation (Yang et al. 2025, arXiv 2505.09388). */
export const qwen3: Family = {
  name: 'qwen3',
  modelTypes: ['qwen3'],
  decoderConfig(config) {
    refuseSlidingWindow(config);
    const common = readCommon(config);
    return likeLlama('qwen3', config, { ...common, head_dim: common.head_dim ?? 128 });
  },
  weightNames(config) {
    const common = readCommon(config);
    return huggingFaceNames(common.tie_word_embeddings, (layer) => ({
      ...queryKeyNorms(layer),
      ...(common.attention_bias ? { ...attentionBiases(layer), oBias: `${layer}.self_attn.o_proj.bias` } : {}),
    }));
  },
};
