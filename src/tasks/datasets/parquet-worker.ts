/** The thread in which a Parquet file is read; see parquet.ts. */
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { type Compressors, parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

export interface ParquetRequest {
  readonly path: string;
  /** Wanted columns, in lower case. */
  readonly columns: readonly string[];
}

/** No set of problems has more. */
const mostRows = 1_000_000;
/** Bytes of one page, unpacked. */
const largestPage = 2 ** 28;

const bounded = Object.fromEntries(
  Object.entries(compressors).map(([codec, unpack]) => [
    codec,
    (bytes: Uint8Array, size: number) => {
      if (!(size <= largestPage)) throw new Error(`a page of ${size} bytes`);
      return unpack(bytes, size);
    },
  ]),
) as Compressors;

const { path, columns } = workerData as ParquetRequest;
const bytes = readFileSync(path);
const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
const metadata = parquetMetadata(file);
if (metadata.num_rows > mostRows) throw new Error(`it declares ${metadata.num_rows} rows`);
const names = parquetSchema(metadata).children.map(({ element }) => element.name);
const wanted = names.filter((name) => columns.includes(name.toLowerCase()));
const rows =
  wanted.length === 0 ? [] : await parquetReadObjects({ file, metadata, columns: wanted, compressors: bounded });
if (wanted.length === 0) throw new Error(`it has none of the columns ${columns.join(', ')}`);
// Whole numbers of 64 bits have no JSON form; as text they are what JSON would have said.
parentPort?.postMessage(rows.map((row) => plain(row)));

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
