/** ONNX models as protobuf (onnx.proto3), so that the runtime packs weights as it does for a model's. */
import { bytes, type Chunks, float, integer, message, text } from './protobuf.js';

/** onnx.TensorProto.DataType */
const onnxTypes = { float32: 1, int32: 6, int64: 7 } as const;
export type OnnxType = keyof typeof onnxTypes;

/** onnx.AttributeProto.AttributeType */
const attributeTypes = { float: 1, integer: 2 } as const;

/** A constant; `values` lie in row-major order. */
export function initializer(name: string, type: OnnxType, shape: readonly number[], values: ArrayBufferView): Chunks {
  const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const sizes = shape.map((size) => integer(1, size));
  return message(5, [...sizes, integer(2, onnxTypes[type]), text(8, name), bytes(9, raw)]);
}

/** A size that is a name may be any. */
export function valueInfo(
  field: 'input' | 'output',
  name: string,
  type: OnnxType,
  shape: readonly (number | string)[],
): Chunks {
  const sizes = shape.map((size) => message(1, [typeof size === 'number' ? integer(1, size) : text(2, size)]));
  const tensor = message(1, [integer(1, onnxTypes[type]), message(2, sizes)]);
  return message(field === 'input' ? 11 : 12, [text(1, name), message(2, [tensor])]);
}

export interface NodeOptions {
  /** ONNX's own operators unless given. */
  readonly domain?: string;
  readonly integers?: Readonly<Record<string, number>>;
  readonly floats?: Readonly<Record<string, number>>;
}

export function node(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  { domain = '', integers = {}, floats = {} }: NodeOptions = {},
): Chunks {
  return message(1, [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(3, outputs[0]),
    text(4, operator),
    ...Object.entries(integers).map(([name, value]) =>
      message(5, [text(1, name), integer(3, value), integer(20, attributeTypes.integer)]),
    ),
    ...Object.entries(floats).map(([name, value]) =>
      message(5, [text(1, name), float(2, value), integer(20, attributeTypes.float)]),
    ),
    text(7, domain),
  ]);
}

/** @param parts nodes in the order of their data, initializers, inputs and outputs */
export function onnxModel(name: string, parts: readonly Chunks[], domains: Readonly<Record<string, number>>): Chunks {
  const imports = Object.entries(domains).map(([domain, version]) =>
    message(8, [text(1, domain), integer(2, version)]),
  );
  return [integer(1, 8), message(7, [...parts.slice(0, 1), text(2, name), ...parts.slice(1)]), ...imports].flat();
}

/** y[rows, N] = x[rows, K] · w[K, N] */
export function matMulModel(rows: number, N: number, K: number, weights: Float32Array): Uint8Array {
  const parts = [
    node('MatMul', ['x', 'w'], ['y']),
    initializer('w', 'float32', [K, N], weights),
    valueInfo('input', 'x', 'float32', [rows, K]),
    valueInfo('output', 'y', 'float32', [rows, N]),
  ];
  return Buffer.concat(onnxModel('linear', parts, { '': 17 }));
}
