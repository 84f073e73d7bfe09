import { AttsError } from '../../../src/errors.js';
import type { WeightsFile } from '../file.js';

const windowBytes = 2 ** 20;
/** Longest string that is read: a chat template has some KiB, a model card less than this. */
const longestString = 2 ** 24;

/** Reads a file from its begin, a window at a time, little-endian. Nothing is read or made beyond the file's end. */
export class HeaderReader {
  readonly path: string;
  readonly size: number;
  private readonly file: WeightsFile;
  private window = Buffer.alloc(0);
  /** Byte of the file at which the window begins. */
  private start = 0;
  private at = 0;

  constructor(file: WeightsFile) {
    this.file = file;
    this.path = file.path;
    this.size = file.size;
  }

  /** Byte of the file that comes next. */
  get position(): number {
    return this.start + this.at;
  }

  private get left(): number {
    return this.size - this.position;
  }

  bad(what: string): AttsError {
    return new AttsError('checkpoint', `${this.path}: ${what}; the file is corrupt, get it again`);
  }

  /** The next bytes, which stay as they are until the next call. */
  take(length: number): Buffer {
    if (this.at + length > this.window.length) {
      if (length > this.left) throw this.bad(`its header goes on after the file's end at byte ${this.size}`);
      this.start = this.position;
      const read = this.file.read(this.start, Math.min(this.left, Math.max(length, windowBytes)));
      this.window = Buffer.from(read.buffer as ArrayBuffer, read.byteOffset, read.length);
      this.at = 0;
    }
    const bytes = this.window.subarray(this.at, this.at + length);
    this.at += length;
    return bytes;
  }

  u32(): number {
    return this.take(4).readUInt32LE(0);
  }

  u64(what: string): number {
    const bytes = this.take(8);
    const value = bytes.readUInt32LE(0) + bytes.readUInt32LE(4) * 2 ** 32;
    if (value > Number.MAX_SAFE_INTEGER) throw this.bad(`${what} is ${bytes.readBigUInt64LE(0)}`);
    return value;
  }

  /** A number of things of `least` bytes or more each, as many as can still come. */
  count(what: string, most: number, least: number): number {
    const value = this.u64(`the number of ${what}`);
    if (value > most || value * least > this.left) throw this.bad(`its header claims ${value} ${what}`);
    return value;
  }

  string(what: string): string {
    const length = this.u64(`the length of ${what}`);
    if (length > Math.min(longestString, this.left)) throw this.bad(`${what} claims ${length} bytes`);
    return this.take(length).toString('utf8');
  }
}
