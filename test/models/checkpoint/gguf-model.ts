import type { Checkpoint } from '../../../models/checkpoint/checkpoint.js';
import { type Metadata, type TensorBytes, typeCodes } from './gguf-bytes.js';

type Config = Readonly<Record<string, number | boolean | string | number[] | null>>;

/** Names as llama.cpp's converter gives them. */
const parts: readonly (readonly [huggingFace: string, gguf: string])[] = [
  ['input_layernorm', 'attn_norm'],
  ['self_attn.q_proj', 'attn_q'],
  ['self_attn.k_proj', 'attn_k'],
  ['self_attn.v_proj', 'attn_v'],
  ['self_attn.o_proj', 'attn_output'],
  ['self_attn.q_norm', 'attn_q_norm'],
  ['self_attn.k_norm', 'attn_k_norm'],
  ['mlp.gate_proj', 'ffn_gate'],
  ['mlp.up_proj', 'ffn_up'],
  ['mlp.down_proj', 'ffn_down'],
];

function ggufName(name: string, isGemma: boolean): string {
  const whole = { 'model.embed_tokens.weight': 'token_embd.weight', 'model.norm.weight': 'output_norm.weight' };
  if (name in whole) return whole[name as keyof typeof whole];
  if (name === 'lm_head.weight') return 'output.weight';
  const [, layer, part, kind] = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) as RegExpExecArray;
  const norms = isGemma
    ? {
        post_attention_layernorm: 'post_attention_norm',
        pre_feedforward_layernorm: 'ffn_norm',
        post_feedforward_layernorm: 'post_ffw_norm',
      }
    : { post_attention_layernorm: 'ffn_norm' };
  const found = new Map([...parts, ...Object.entries(norms)]).get(part);
  return `blk.${layer}.${found}.${kind}`;
}

/** Rows of heads as llama.cpp rotates them: from (half, i) to (i, half). */
function turned(values: Float32Array, rows: number, headDim: number): Float32Array {
  const width = values.length / rows;
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    const [head, within] = [Math.floor(row / headDim), row % headDim];
    const [half, i] = [Math.floor(within / (headDim / 2)), within % (headDim / 2)];
    const to = head * headDim + 2 * i + half;
    out.set(values.subarray(row * width, (row + 1) * width), to * width);
  }
  return out;
}

/** A checkpoint as a converter to GGUF writes it, in float32. */
export function ggufModel({ config: any, tensors }: Checkpoint): { metadata: Metadata; tensors: TensorBytes[] } {
  const config = any as Config;
  const isGemma = config.model_type === 'gemma3_text';
  const name = isGemma ? 'gemma3' : String(config.model_type);
  const [hidden, heads] = [Number(config.hidden_size), Number(config.num_attention_heads)];
  const headDim = Number(config.head_dim ?? hidden / heads);
  const integer = (key: string, value: unknown) => [`${name}.${key}`, 'u32', value] as const;
  const float = (key: string, value: unknown) => [`${name}.${key}`, 'f32', value] as const;
  const metadata: Metadata = [
    ['general.architecture', 'string', name],
    integer('context_length', config.max_position_embeddings),
    integer('embedding_length', hidden),
    integer('block_count', config.num_hidden_layers),
    integer('feed_forward_length', config.intermediate_size),
    integer('attention.head_count', heads),
    integer('attention.head_count_kv', config.num_key_value_heads),
    integer('attention.key_length', headDim),
    integer('attention.value_length', headDim),
    float('attention.layer_norm_rms_epsilon', config.rms_norm_eps),
    float('rope.freq_base', config.rope_theta),
    ...(isGemma ? [integer('attention.sliding_window', config.sliding_window)] : []),
    ['tokenizer.ggml.eos_token_id', 'u32', config.eos_token_id],
  ];
  const stored = [...tensors.values()].map((tensor): TensorBytes => {
    let values = tensor.read();
    if (isGemma && tensor.name.includes('norm')) values = values.map((w) => w + 1);
    if (name === 'llama' && /\.[qk]_proj\./.test(tensor.name)) values = turned(values, tensor.shape[0], headDim);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return { name: ggufName(tensor.name, isGemma), shape: tensor.shape, type: typeCodes.F32, bytes };
  });
  return { metadata, tensors: stored };
}
