import type { LayerWeightNames } from '../../families/decoder-config.js';
import { familyOf } from '../../families/index.js';

/** What llama.cpp calls the tensors of a layer. */
const layerNames: Readonly<Record<keyof LayerWeightNames, string>> = {
  inputNorm: 'attn_norm.weight',
  q: 'attn_q.weight',
  k: 'attn_k.weight',
  v: 'attn_v.weight',
  o: 'attn_output.weight',
  qBias: 'attn_q.bias',
  kBias: 'attn_k.bias',
  vBias: 'attn_v.bias',
  oBias: 'attn_output.bias',
  qNorm: 'attn_q_norm.weight',
  kNorm: 'attn_k_norm.weight',
  attentionOutputNorm: 'post_attention_norm.weight',
  mlpNorm: 'ffn_norm.weight',
  mlpOutputNorm: 'post_ffw_norm.weight',
  gate: 'ffn_gate.weight',
  up: 'ffn_up.weight',
  down: 'ffn_down.weight',
  gateBias: 'ffn_gate.bias',
  upBias: 'ffn_up.bias',
  downBias: 'ffn_down.bias',
};

const rotated: ReadonlySet<string> = new Set<keyof LayerWeightNames>(['q', 'k', 'qBias', 'kBias']);

export interface GgufName {
  /** In the Hugging Face layout. */
  readonly name: string;
  /** Its rows are those of heads that are rotated. */
  readonly isRotated: boolean;
}

/** The tensors that a configuration asks for, by what llama.cpp calls them. */
export function tensorNames(config: Readonly<Record<string, unknown>>): Map<string, GgufName> {
  const { embedding, finalNorm, head, layer } = familyOf(config).weightNames(config);
  const names = new Map<string, GgufName>();
  const add = (stored: string, name: string, isRotated = false) => names.set(stored, { name, isRotated });
  add('token_embd.weight', embedding);
  add('output_norm.weight', finalNorm);
  if (head) add('output.weight', head);
  for (let index = 0; index < Number(config.num_hidden_layers); index++) {
    for (const [part, name] of Object.entries(layer(index)) as [keyof LayerWeightNames, string | undefined][]) {
      if (name) add(`blk.${index}.${layerNames[part]}`, name, rotated.has(part));
    }
  }
  return names;
}
