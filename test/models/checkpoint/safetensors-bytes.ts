import { u64 } from './gguf-bytes.js';

export interface StoredBytes {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly bytes: Uint8Array;
}

/** A safetensors file of these tensors, for tests. */
export function safetensorsBytes(tensors: readonly StoredBytes[]): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let at = 0;
  for (const { name, shape, dtype, bytes } of tensors) {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
  }
  const text = Buffer.from(JSON.stringify(header));
  return Buffer.concat([u64(text.length), text, ...tensors.map(({ bytes }) => bytes)]);
}
