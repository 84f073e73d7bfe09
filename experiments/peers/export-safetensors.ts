/**
 * A .gguf file as a folder of the Hugging Face layout in float32, for engines that read nothing else: weights as our
 * loader widens them, and the tokenizer (byte-level pairs) that the file's metadata describe.
 *
 * node dist/experiments/peers/export-safetensors.js FILE.gguf FOLDER    (4 bytes a weight)
 */

import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint } from '../../models/checkpoint/checkpoint.js';
import { openCheckpoint } from '../../models/checkpoint/open.js';
import { openTokenizerFile } from '../../src/engine/tokenizer/index.js';

const architectures: Readonly<Record<string, string>> = {
  llama: 'LlamaForCausalLM',
  qwen2: 'Qwen2ForCausalLM',
  qwen3: 'Qwen3ForCausalLM',
};

function writeConfig(folder: string, { config }: Checkpoint): void {
  const architecture = architectures[String(config.model_type)];
  if (!architecture) throw new Error(`no architecture is known for model_type ${config.model_type}`);
  const whole = { ...config, architectures: [architecture], hidden_act: 'silu', dtype: 'float32' };
  writeFileSync(join(folder, 'config.json'), `${JSON.stringify(whole, null, 2)}\n`);
}

/** Header: its length in 8 bytes, then JSON padded to 8; the tensors follow in the header's order. */
function writeWeights(folder: string, { tensors }: Checkpoint): void {
  const header: Record<string, object> = {};
  let end = 0;
  for (const { name, shape } of tensors.values()) {
    const begin = end;
    end += 4 * shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [begin, end] };
  }
  const text = JSON.stringify(header);
  const json = Buffer.from(text.padEnd(8 * Math.ceil(text.length / 8)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = openSync(join(folder, 'model.safetensors'), 'w');
  const write = (bytes: Uint8Array) => {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
  };
  write(length);
  write(json);
  for (const tensor of tensors.values()) {
    const { buffer, byteOffset, byteLength } = tensor.read();
    write(new Uint8Array(buffer, byteOffset, byteLength));
  }
  closeSync(file);
}

/** Fields that the library which reads it wants to see; an added token gets the id that the vocabulary has for it. */
function writeTokenizer(folder: string, path: string): void {
  const { parts, model, stopIds, chatTemplate, templateTokens } = openTokenizerFile(path);
  const vocab = Object.fromEntries([...model.idOf, ...parts.added_tokens.map(({ content, id }) => [content, id])]);
  const plain = { single_word: false, lstrip: false, rstrip: false };
  const document = {
    ...{ version: '1.0', truncation: null, padding: null },
    ...{ ...parts, added_tokens: parts.added_tokens.map((token) => ({ ...token, ...plain })) },
    model: { type: 'BPE', vocab, merges: model.merges, ignore_merges: model.ignoreMerges, byte_fallback: false },
  };
  const settings = { tokenizer_class: 'PreTrainedTokenizerFast', ...templateTokens, chat_template: chatTemplate };
  const json = JSON.stringify(document).replaceAll('"type":"ByteLevel"', '"type":"ByteLevel","trim_offsets":true');
  writeFileSync(join(folder, 'tokenizer.json'), json);
  writeFileSync(join(folder, 'tokenizer_config.json'), `${JSON.stringify(settings, null, 2)}\n`);
  writeFileSync(join(folder, 'generation_config.json'), `${JSON.stringify({ eos_token_id: stopIds })}\n`);
}

const [source, folder] = process.argv.slice(2);
if (!source?.endsWith('.gguf') || !folder) throw new Error('usage: export-safetensors.js FILE.gguf FOLDER');
mkdirSync(folder, { recursive: true });
const checkpoint = openCheckpoint(source);
writeConfig(folder, checkpoint);
writeWeights(folder, checkpoint);
writeTokenizer(folder, source);
checkpoint.close();
