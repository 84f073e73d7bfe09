import { closeSync, openSync, writeSync } from 'node:fs';
import { float16Bits } from '../../kernels/float16.js';
import { quantise } from '../../kernels/ops/linear/quantise.js';
import type { Checkpoint } from '../../models/checkpoint/checkpoint.js';
import { familyOf } from '../../models/families/index.js';
import type { LlamaShape } from './random-checkpoint.js';

const alignment = 32;
const groupSize = 32;
/** ggml's numbers of tensor types. */
const tensorTypes = { f32: 0, q8_0: 8 } as const;
/** Of metadata values. */
const valueTypes = { u32: 4, f32: 6, string: 8, array: 9 } as const;

export type GgufDtype = keyof typeof tensorTypes;

/**
 * Writes a llama's weights as a GGUF file, version 3, that llama.cpp loads, so that it is timed on the same model. Rows
 * of queries and keys are not interleaved as llama.cpp rotates them: for random weights that is another model of the
 * same cost. The vocabulary is made up.
 */
export function writeGguf(path: string, checkpoint: Checkpoint, config: LlamaShape, dtype: GgufDtype): void {
  const names = ggufNames(config);
  const entries = [...checkpoint.tensors.values()].map((tensor) => {
    const type = tensor.shape.length === 1 ? 'f32' : dtype;
    const values = tensor.shape.reduce((a, b) => a * b, 1);
    return {
      tensor,
      type,
      name: names.get(tensor.name) as string,
      bytes: type === 'f32' ? 4 * values : (values / 32) * 34,
    };
  });
  const head = new ByteWriter();
  head.bytes(Buffer.from('GGUF'));
  head.u32(3);
  head.u64(entries.length);
  writeMetadata(head, config);
  let offset = 0;
  for (const { tensor, type, name, bytes } of entries) {
    head.string(name);
    head.u32(tensor.shape.length);
    for (const size of tensor.shape.toReversed()) head.u64(size);
    head.u32(tensorTypes[type]);
    head.u64(offset);
    offset += aligned(bytes);
  }
  const file = openSync(path, 'w');
  try {
    writeAligned(file, head.take());
    for (const { tensor, type } of entries) {
      const values = tensor.read();
      writeAligned(file, type === 'f32' ? new Uint8Array(values.buffer) : q8Blocks(values, tensor.shape));
    }
  } finally {
    closeSync(file);
  }
}

function ggufNames(config: LlamaShape): Map<string, string> {
  const { embedding, finalNorm, layer } = familyOf(config).weightNames(config);
  const names = new Map([
    [embedding, 'token_embd.weight'],
    [finalNorm, 'output_norm.weight'],
  ]);
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const { inputNorm, mlpNorm, q, k, v, o, gate, up, down } = layer(i);
    const parts = { attn_norm: inputNorm, ffn_norm: mlpNorm, attn_q: q, attn_k: k, attn_v: v, attn_output: o };
    for (const [part, name] of Object.entries({ ...parts, ffn_gate: gate, ffn_up: up, ffn_down: down })) {
      names.set(name, `blk.${i}.${part}.weight`);
    }
  }
  return names;
}

function writeMetadata(head: ByteWriter, config: LlamaShape): void {
  const integers = {
    'llama.context_length': config.max_position_embeddings,
    'llama.embedding_length': config.hidden_size,
    'llama.block_count': config.num_hidden_layers,
    'llama.feed_forward_length': config.intermediate_size,
    'llama.attention.head_count': config.num_attention_heads,
    'llama.attention.head_count_kv': config.num_key_value_heads,
    'llama.rope.dimension_count': config.hidden_size / config.num_attention_heads,
    'llama.vocab_size': config.vocab_size,
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': config.eos_token_id,
  };
  const floats = {
    'llama.rope.freq_base': config.rope_theta,
    'llama.attention.layer_norm_rms_epsilon': config.rms_norm_eps,
  };
  const texts = { 'general.architecture': 'llama', 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'smollm' };
  const lists = {
    'tokenizer.ggml.tokens': Array.from({ length: config.vocab_size }, (_, id) => `t${id}`),
    'tokenizer.ggml.merges': ['t 0'],
  };
  const groups = [integers, floats, texts, lists];
  head.u64(groups.reduce((sum, group) => sum + Object.keys(group).length, 0));
  for (const [key, value] of Object.entries(integers)) {
    head.string(key);
    head.u32(valueTypes.u32);
    head.u32(value);
  }
  for (const [key, value] of Object.entries(floats)) {
    head.string(key);
    head.u32(valueTypes.f32);
    head.f32(value);
  }
  for (const [key, value] of Object.entries(texts)) {
    head.string(key);
    head.u32(valueTypes.string);
    head.string(value);
  }
  for (const [key, values] of Object.entries(lists)) {
    head.string(key);
    head.u32(valueTypes.array);
    head.u32(valueTypes.string);
    head.u64(values.length);
    for (const value of values) head.string(value);
  }
}

/** Q8_0: a float16 scale and 32 whole numbers a block. */
function q8Blocks(w: Float32Array, [N, K]: readonly number[]): Uint8Array {
  const { scales, values } = quantise(w, N, K, 'q8');
  const out = new DataView(new ArrayBuffer(scales.length * 34));
  scales.forEach((scale, block) => {
    out.setUint16(block * 34, float16Bits(scale), true);
    new Int8Array(out.buffer, block * 34 + 2, groupSize).set(
      values.subarray(block * groupSize, (block + 1) * groupSize),
    );
  });
  return new Uint8Array(out.buffer);
}

const aligned = (bytes: number) => Math.ceil(bytes / alignment) * alignment;

function writeAligned(file: number, bytes: Uint8Array): void {
  writeSync(file, bytes);
  writeSync(file, new Uint8Array(aligned(bytes.length) - bytes.length));
}

class ByteWriter {
  private readonly parts: Buffer[] = [];
  bytes(bytes: Buffer): void {
    this.parts.push(bytes);
  }
  u32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    this.parts.push(part);
  }
  u64(value: number): void {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    this.parts.push(part);
  }
  f32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeFloatLE(value);
    this.parts.push(part);
  }
  string(text: string): void {
    const part = Buffer.from(text);
    this.u64(part.length);
    this.parts.push(part);
  }
  take(): Buffer {
    return Buffer.concat(this.parts);
  }
}
