/** An ONNX model of one MatMul, as protobuf (onnx.proto3), so that the runtime packs its weights as it does for a model's. */
export function matMulModel(rows: number, N: number, K: number, weights: Float32Array): Uint8Array {
  const tensor = [...[K, N].map((size) => integer(1, size)), integer(2, floatType), text(8, 'w')];
  const graph = [
    message(1, [text(1, 'x'), text(1, 'w'), text(2, 'y'), text(4, 'MatMul')]),
    text(2, 'linear'),
    message(5, [...tensor, bytes(9, Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength))]),
    message(11, valueInfo('x', [rows, K])),
    message(12, valueInfo('y', [rows, N])),
  ];
  return Buffer.concat([integer(1, 8), message(7, graph), message(8, [integer(2, 17)])]);
}

const floatType = 1;

function valueInfo(name: string, shape: readonly number[]): Buffer[] {
  const dimensions = shape.map((size) => message(1, [integer(1, size)]));
  return [text(1, name), message(2, [message(1, [integer(1, floatType), message(2, dimensions)])])];
}

function varint(value: number): Buffer {
  const out: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...out, rest]);
    out.push((rest % 128) | 128);
  }
}
const integer = (field: number, value: number) => Buffer.concat([varint(field * 8), varint(value)]);
const bytes = (field: number, value: Buffer) => Buffer.concat([varint(field * 8 + 2), varint(value.length), value]);
const text = (field: number, value: string) => bytes(field, Buffer.from(value));
const message = (field: number, parts: readonly Buffer[]) => bytes(field, Buffer.concat(parts));
