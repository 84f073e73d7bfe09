import type { DecoderWeightNames, LayerWeightNames } from './decoder-config.js';

/** The names that the Hugging Face layout gives a decoder's tensors; a family adds its own. */
export function huggingFaceNames(
  tiedHead: boolean,
  extra: (layer: string) => Partial<LayerWeightNames> = () => ({}),
): DecoderWeightNames {
  return {
    embedding: 'model.embed_tokens.weight',
    finalNorm: 'model.norm.weight',
    head: tiedHead ? null : 'lm_head.weight',
    layer(index) {
      const layer = `model.layers.${index}`;
      return {
        inputNorm: `${layer}.input_layernorm.weight`,
        q: `${layer}.self_attn.q_proj.weight`,
        k: `${layer}.self_attn.k_proj.weight`,
        v: `${layer}.self_attn.v_proj.weight`,
        o: `${layer}.self_attn.o_proj.weight`,
        mlpNorm: `${layer}.post_attention_layernorm.weight`,
        gate: `${layer}.mlp.gate_proj.weight`,
        up: `${layer}.mlp.up_proj.weight`,
        down: `${layer}.mlp.down_proj.weight`,
        ...extra(layer),
      };
    },
  };
}

export function attentionBiases(layer: string) {
  return {
    qBias: `${layer}.self_attn.q_proj.bias`,
    kBias: `${layer}.self_attn.k_proj.bias`,
    vBias: `${layer}.self_attn.v_proj.bias`,
  };
}

export function queryKeyNorms(layer: string) {
  return { qNorm: `${layer}.self_attn.q_norm.weight`, kNorm: `${layer}.self_attn.k_norm.weight` };
}
