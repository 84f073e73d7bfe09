import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { float16Bits, roundToFloat16 } from '../../kernels/float16.js';
import type { Checkpoint, StoredTensor } from '../../models/checkpoint/checkpoint.js';
import { openCheckpoint } from '../../models/checkpoint/open.js';
import { openTokenizerFile } from '../../src/engine/tokenizer/index.js';
import { abacus, abacusMetadata } from '../engine/tokenizer/fixtures.js';
import { ggufBytes, type Metadata, typeCodes } from '../models/checkpoint/gguf-bytes.js';
import { ggufModel } from '../models/checkpoint/gguf-model.js';
import { safetensorsBytes } from '../models/checkpoint/safetensors-bytes.js';

/** Places of one model in two formats. */
export interface Float16Draft {
  readonly safetensors: string;
  readonly gguf: string;
}

/** Writes the embedded draft, its weights rounded to float16, as files of float16 have it. */
export function writeFloat16Draft(folder: string): Float16Draft {
  const places = { safetensors: join(folder, 'draft-f16'), gguf: join(folder, 'draft-f16.gguf') };
  const draft = rounded(openCheckpoint(abacus));
  const stored = [...draft.tensors.values()].map(({ name, shape, read }) => ({
    ...{ name, shape, dtype: 'F16', bytes: halves(read()) },
  }));
  mkdirSync(places.safetensors);
  for (const file of readdirSync(abacus)) copyFileSync(join(abacus, file), join(places.safetensors, file));
  writeFileSync(join(places.safetensors, 'model.safetensors'), safetensorsBytes(stored));

  const { metadata, tensors } = ggufModel(draft);
  // As converters do: matrices in float16, vectors in float32.
  const converted = tensors.map((tensor) =>
    tensor.shape.length === 1
      ? tensor
      : { ...tensor, type: typeCodes.F16, bytes: halves(new Float32Array(tensor.bytes.slice().buffer)) },
  );
  writeFileSync(places.gguf, ggufBytes([...metadata, ...tokenizerMetadata()], converted));
  draft.close();
  return places;
}

function rounded(checkpoint: Checkpoint): Checkpoint {
  const halved = (tensor: StoredTensor): StoredTensor => ({
    ...tensor,
    read: (...rows) => tensor.read(...rows).map(roundToFloat16),
  });
  return { ...checkpoint, tensors: new Map([...checkpoint.tensors].map(([name, own]) => [name, halved(own)])) };
}

const halves = (values: Float32Array) => new Uint8Array(Uint16Array.from(values, float16Bits).buffer);

function tokenizerMetadata(): Metadata {
  const known = abacusMetadata();
  const row = (key: string, type: Metadata[number][1]) => [key, type, known[key]] as const;
  return [
    row('tokenizer.ggml.model', 'string'),
    row('tokenizer.ggml.pre', 'string'),
    row('tokenizer.ggml.tokens', 'strings'),
    ['tokenizer.ggml.token_type', 'u32s', [...(known['tokenizer.ggml.token_type'] as Int32Array)]],
    row('tokenizer.ggml.merges', 'strings'),
    ['tokenizer.chat_template', 'string', openTokenizerFile(abacus).chatTemplate],
  ];
}
