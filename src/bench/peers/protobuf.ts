/** Protocol Buffers' wire format, as chunks, so that gigabytes of weights are never joined in memory. */
export type Chunks = readonly Uint8Array[];

function varint(value: number): Uint8Array {
  const out: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...out, rest]);
    out.push((rest % 128) | 128);
  }
}

/** A whole number from 0 on. */
export const integer = (field: number, value: number): Chunks => [varint(field * 8), varint(value)];

export const float = (field: number, value: number): Chunks => [
  varint(field * 8 + 5),
  new Uint8Array(Float32Array.of(value).buffer),
];

export const bytes = (field: number, value: Uint8Array): Chunks => [
  varint(field * 8 + 2),
  varint(value.byteLength),
  value,
];

export const text = (field: number, value: string): Chunks => bytes(field, Buffer.from(value));

export function message(field: number, parts: readonly Chunks[]): Chunks {
  const chunks = parts.flat();
  const length = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return [varint(field * 8 + 2), varint(length), ...chunks];
}
