/**
 * Numeric arrays in NumPy's file format (NPY 1.0 to 3.0; numpy.lib.format), one or two dimensions, C order. An array of
 * Python objects is a pickle, which is a program: it is refused, never run.
 */

export interface NpyArray {
  /** [n] or [rows, columns] */
  readonly shape: readonly [number] | readonly [number, number];
  /** Row after row. */
  readonly data: readonly number[];
}

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');

/** Bytes an element, and how to read one; multi-byte types are little-endian. 64-bit integers round to a double. */
const dtypes: Record<string, readonly [size: number, read: (view: DataView, at: number) => number]> = {
  '<f4': [4, (view, at) => view.getFloat32(at, true)],
  '<f8': [8, (view, at) => view.getFloat64(at, true)],
  '|i1': [1, (view, at) => view.getInt8(at)],
  '|u1': [1, (view, at) => view.getUint8(at)],
  '<i2': [2, (view, at) => view.getInt16(at, true)],
  '<u2': [2, (view, at) => view.getUint16(at, true)],
  '<i4': [4, (view, at) => view.getInt32(at, true)],
  '<u4': [4, (view, at) => view.getUint32(at, true)],
  '<i8': [8, (view, at) => Number(view.getBigInt64(at, true))],
  '<u8': [8, (view, at) => Number(view.getBigUint64(at, true))],
};

export function isNpy(bytes: Buffer): boolean {
  return bytes.subarray(0, MAGIC.length).equals(MAGIC);
}

/** @throws RangeError that says in a few words what the file is instead */
export function decodeNpy(bytes: Buffer): NpyArray {
  const { header, start } = readHeader(bytes);
  const dtype = field(header, /'descr':\s*'([^']*)'/) ?? 'a structured type';
  if (dtype.includes('O')) {
    throw new RangeError('it holds Python objects (a pickle), which are never loaded; save it as a float array');
  }
  if (!(dtype in dtypes)) throw new RangeError(`its dtype ${dtype} is none of ${Object.keys(dtypes).join(', ')}`);
  const dimensions = field(header, /'shape':\s*\(([\d,\s]*)\)/)
    ?.split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  if (dimensions === undefined) throw new RangeError('its header has no shape');
  if (dimensions.length !== 1 && dimensions.length !== 2) {
    throw new RangeError(`it has ${dimensions.length} dimensions, not [scores] or [problems, samples]`);
  }
  if (dimensions.length === 2 && field(header, /'fortran_order':\s*(True|False)/) !== 'False') {
    throw new RangeError('it is in Fortran order; save numpy.ascontiguousarray of it');
  }
  const [size, read] = dtypes[dtype];
  const count = dimensions.reduce((product, length) => product * length, 1);
  if (bytes.length !== start + count * size) {
    const fault = bytes.length < start + count * size ? 'truncated' : 'longer than its header says';
    throw new RangeError(`it is ${fault} (${bytes.length} bytes, not ${start + count * size})`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    shape: dimensions as unknown as NpyArray['shape'],
    data: Array.from({ length: count }, (_, index) => read(view, start + index * size)),
  };
}

/** As float64, version 1.0. */
export function encodeNpy({ shape, data }: NpyArray): Buffer {
  const description = `{'descr': '<f8', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  // Data begins at a multiple of 64 bytes; magic, version and length take 10, the newline 1.
  const padding = ' '.repeat((64 - ((10 + description.length + 1) % 64)) % 64);
  const header = Buffer.from(`${description}${padding}\n`, 'latin1');
  const values = Buffer.alloc(8 * data.length);
  data.forEach((value, index) => {
    values.writeDoubleLE(value, 8 * index);
  });
  return Buffer.concat([MAGIC, Buffer.from([1, 0, header.length & 0xff, header.length >> 8]), header, values]);
}

function readHeader(bytes: Buffer): { header: string; start: number } {
  if (!isNpy(bytes)) throw new RangeError('it does not begin like an NPY file; a pickle is never loaded');
  const version = bytes[6];
  const long = version !== 1;
  const from = long ? 12 : 10;
  if (bytes.length < from) throw new RangeError('it is truncated within its header');
  if (version < 1 || version > 3) throw new RangeError(`it is of NPY version ${version}, not 1 to 3`);
  const start = from + (long ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
  if (bytes.length < start) throw new RangeError('it is truncated within its header');
  return { header: bytes.toString('latin1', from, start), start };
}

function field(header: string, pattern: RegExp): string | undefined {
  return pattern.exec(header)?.[1];
}
