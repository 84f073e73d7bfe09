import { AttsError } from '../../../src/errors.js';
import { openWeightsFile } from '../disk.js';
import { storedBytes } from '../dtypes.js';
import { shown, type WeightsFile } from '../file.js';
import type { TensorPlace } from '../stored-tensor.js';
import { HeaderReader } from './header-reader.js';
import { otherTypes, tensorTypes } from './tensor-types.js';

/**
 * A metadata value. 64-bit integers are bigint; arrays of numbers are typed arrays, of booleans bytes of 0 and 1.
 */
export type GgufValue = string | number | bigint | boolean | readonly string[] | GgufNumbers;
export type GgufNumbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly TensorPlace[];
  /** Byte of the file at which the tensors begin. */
  readonly dataOffset: number;
  /** Bytes of the file. */
  readonly size: number;
}

/** Real files have some dozens of keys and a few thousand tensors. */
const mostEntries = 2 ** 16;
const mostDimensions = 4;

/** @throws AttsError `checkpoint`, one line, for whatever is wrong with the file */
export function readGgufHeader(path: string): GgufHeader {
  const file = openWeightsFile(path);
  try {
    return parseHeader(file);
  } finally {
    file.close();
  }
}

/**
 * Reads the header (versions 2 and 3, little-endian) of an open file. Every length is held against what is left of the
 * file before anything is made of it, so that neither time nor memory goes beyond the file's own size. That is why the
 * reader is our own: @huggingface/gguf believes the lengths it finds.
 */
export function parseHeader(file: WeightsFile): GgufHeader {
  const reader = new HeaderReader(file);
  if (file.size < 24 || reader.take(4).toString('latin1') !== 'GGUF') {
    throw new AttsError('checkpoint', `${file.path}: not a GGUF file`);
  }
  const version = reader.u32();
  if (version !== 2 && version !== 3) {
    const found = version % 65_536 === 0 && version !== 0 ? 'big-endian' : `version ${version}`;
    throw new AttsError(
      'checkpoint',
      `${file.path}: GGUF ${found} is not supported; versions 2 and 3, little-endian, are`,
    );
  }
  const tensorCount = reader.count('tensors', mostEntries, 24);
  const metadataCount = reader.count('metadata keys', mostEntries, 13);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < metadataCount; i++) {
    const key = reader.string('a metadata key');
    if (metadata.has(key)) throw reader.bad(`metadata key ${shown(key)} occurs twice`);
    metadata.set(key, readValue(reader, reader.u32(), key));
  }
  const relative = Array.from({ length: tensorCount }, () => readTensor(reader));
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment !== 'number' || alignment < 8 || alignment > 2 ** 20 || alignment % 8 !== 0) {
    throw reader.bad(`general.alignment is ${alignment}, not a multiple of 8`);
  }
  const dataOffset = Math.ceil(reader.position / alignment) * alignment;
  const tensors = relative.map((tensor) => ({ ...tensor, position: dataOffset + tensor.position }));
  checkPlaces(reader, tensors, dataOffset, alignment);
  return { metadata, tensors, dataOffset, size: file.size };
}

/** `position` still counts from the data's begin. */
function readTensor(reader: HeaderReader): TensorPlace {
  const name = reader.string('a tensor name');
  const dimensions = reader.u32();
  if (dimensions < 1 || dimensions > mostDimensions)
    throw reader.bad(`tensor ${shown(name)} has ${dimensions} dimensions`);
  // The file has it the other way round.
  const shape = Array.from({ length: dimensions }, () =>
    reader.u64(`a dimension of tensor ${shown(name)}`),
  ).toReversed();
  const type = reader.u32();
  const dtype = tensorTypes.get(type);
  if (dtype === undefined) {
    const known = [...tensorTypes.values()].join(', ');
    const found = otherTypes.get(type) ?? `of ggml type ${type}`;
    throw new AttsError(
      'checkpoint',
      `${reader.path}: tensor ${shown(name)} is ${found}, which is not supported (${known} are)`,
    );
  }
  const bytes = storedBytes(dtype, shape);
  if (bytes === null) throw reader.bad(`tensor ${shown(name)} of ${shape.join(' × ')} cannot be ${dtype}`);
  return { name, shape, dtype, position: reader.u64(`the offset of tensor ${shown(name)}`), bytes };
}

/** Every tensor lies inside the file, aligned, and none upon another. */
function checkPlaces(reader: HeaderReader, tensors: readonly TensorPlace[], start: number, alignment: number): void {
  const names = new Set<string>();
  let before: TensorPlace | null = null;
  for (const tensor of [...tensors].sort((a, b) => a.position - b.position)) {
    const { name, position, bytes } = tensor;
    if (names.has(name)) throw reader.bad(`tensor ${shown(name)} occurs twice`);
    names.add(name);
    if (position + bytes > reader.size) {
      throw reader.bad(`tensor ${shown(name)} needs bytes ${position}–${position + bytes} of a file of ${reader.size}`);
    }
    if ((position - start) % alignment !== 0)
      throw reader.bad(`tensor ${shown(name)} is not aligned to ${alignment} bytes`);
    if (before && before.position + before.bytes > position) {
      throw reader.bad(`tensors ${shown(before.name)} and ${shown(name)} overlap`);
    }
    before = tensor;
  }
}

/** Codes of metadata values: how to read one, and what an array of them is made of (null: by one). */
const stringType = 8;
const arrayType = 9;
const scalars: ReadonlyMap<number, { bytes: number; array: (buffer: ArrayBuffer) => GgufNumbers }> = new Map([
  [0, { bytes: 1, array: (buffer) => new Uint8Array(buffer) }],
  [1, { bytes: 1, array: (buffer) => new Int8Array(buffer) }],
  [2, { bytes: 2, array: (buffer) => new Uint16Array(buffer) }],
  [3, { bytes: 2, array: (buffer) => new Int16Array(buffer) }],
  [4, { bytes: 4, array: (buffer) => new Uint32Array(buffer) }],
  [5, { bytes: 4, array: (buffer) => new Int32Array(buffer) }],
  [6, { bytes: 4, array: (buffer) => new Float32Array(buffer) }],
  [7, { bytes: 1, array: (buffer) => new Uint8Array(buffer) }], // booleans
  [10, { bytes: 8, array: (buffer) => new BigUint64Array(buffer) }],
  [11, { bytes: 8, array: (buffer) => new BigInt64Array(buffer) }],
  [12, { bytes: 8, array: (buffer) => new Float64Array(buffer) }],
]);
const booleanType = 7;

function readValue(reader: HeaderReader, type: number, key: string): GgufValue {
  if (type === stringType) return reader.string(`metadata key ${shown(key)}`);
  if (type !== arrayType) {
    const [value] = readNumbers(reader, type, 1, key);
    return type === booleanType ? value !== 0 : value;
  }
  const element = reader.u32();
  if (element === arrayType) throw reader.bad(`metadata key ${shown(key)} is an array of arrays`);
  const least = element === stringType ? 8 : (scalars.get(element)?.bytes ?? 1);
  const length = reader.count(`elements of metadata key ${shown(key)}`, Number.MAX_SAFE_INTEGER, least);
  if (element !== stringType) return readNumbers(reader, element, length, key);
  const what = `an element of metadata key ${shown(key)}`;
  return Array.from({ length }, () => reader.string(what));
}

function readNumbers(reader: HeaderReader, type: number, length: number, key: string): GgufNumbers {
  const scalar = scalars.get(type);
  if (!scalar) throw reader.bad(`metadata key ${shown(key)} has a value of type ${type}`);
  // A copy, because a typed array must start at a multiple of its element size.
  return scalar.array(new Uint8Array(reader.take(length * scalar.bytes)).buffer);
}
