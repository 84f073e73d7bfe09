/** Writes GGUF files for tests, byte by byte: well-formed ones, and the same with anything wrong in them. */

export type Metadata = readonly (readonly [key: string, type: keyof typeof valueTypes, value: unknown])[];

const valueTypes = {
  u8: 0,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  u32: 4,
  u64: 10,
  strings: 9,
  bools: 9,
  u32s: 9,
} as const;
const elementTypes = { strings: 8, bools: 7, u32s: 4 } as const;

/** ggml's numbers of tensor types. */
export const typeCodes = {
  ...{ F32: 0, F16: 1, Q4_0: 2, Q4_1: 3, Q5_0: 6, Q5_1: 7, Q8_0: 8, Q4_K: 12, Q5_K: 13, Q6_K: 14, BF16: 30 },
} as const;

export interface TensorBytes {
  readonly name: string;
  /** Row-major. */
  readonly shape: readonly number[];
  readonly type: number;
  readonly bytes: Uint8Array;
  /** In place of where it is put. */
  readonly offset?: bigint;
}

export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

export const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

export const f32 = (value: number): Buffer => Buffer.from(new Float32Array([value]).buffer);

export const string = (text: string): Buffer => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)]);

function scalar(type: string, value: unknown): Buffer {
  if (type === 'string') return string(String(value));
  if (type === 'f32') return f32(Number(value));
  if (type === 'u64') return u64(value as bigint);
  if (type === 'u8' || type === 'bool') return Buffer.from([Number(value)]);
  return u32(Number(value) >>> 0);
}

function valueBytes(type: Metadata[number][1], value: unknown): Buffer {
  if (!(type in elementTypes)) return scalar(type, value);
  const items = value as unknown[];
  const element = { strings: 'string', bools: 'bool', u32s: 'u32' }[type as keyof typeof elementTypes];
  const head = [u32(elementTypes[type as keyof typeof elementTypes]), u64(items.length)];
  return Buffer.concat([...head, ...items.map((item) => scalar(element, item))]);
}

const aligned = (bytes: number) => Math.ceil(bytes / 32) * 32;

export function ggufBytes(metadata: Metadata, tensors: readonly TensorBytes[], version = 3): Buffer {
  const head = [Buffer.from('GGUF'), u32(version), u64(tensors.length), u64(metadata.length)];
  for (const [key, type, value] of metadata) head.push(string(key), u32(valueTypes[type]), valueBytes(type, value));
  let offset = 0;
  for (const { name, shape, type, bytes, offset: wrong } of tensors) {
    head.push(string(name), u32(shape.length), ...shape.toReversed().map(u64), u32(type), u64(wrong ?? offset));
    offset += aligned(bytes.length);
  }
  const padded = (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)]);
  return Buffer.concat([padded(Buffer.concat(head)), ...tensors.map(({ bytes }) => padded(bytes))]);
}
