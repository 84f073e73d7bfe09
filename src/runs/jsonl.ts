import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import type { z } from 'zod';
import { AttsError } from '../errors.js';
import { reasonOf, writeError } from '../io-error.js';

const lineFeed = 10;

/**
 * Appends JSON lines. Synchronous on purpose: a line is with the operating system before the call returns, and the
 * order of a run's events never depends on the disk.
 */
export class JsonlWriter {
  private readonly path: string;
  private readonly descriptor: number;
  /** Why nothing more is written: what comes after a lost line must not look as if nothing were missing. */
  private stopped: AttsError | null = null;
  private isOpen = true;

  /** Opens or makes the file; a torn last line of a killed process is cut off. @throws AttsError `io` */
  constructor(path: string) {
    this.path = path;
    try {
      this.descriptor = openSync(path, 'a+');
      cutTornLine(this.descriptor);
    } catch (cause) {
      throw writeError(path, cause);
    }
  }

  static open(path: string): JsonlWriter {
    return new JsonlWriter(path);
  }

  /**
   * Writes one whole line or none.
   * @throws AttsError `io` on a full or failing disk, then on every later call; `run` for a value JSON cannot hold
   */
  append(record: object): void {
    const line = Buffer.from(`${strictJson(record)}\n`);
    if (this.stopped) throw this.stopped;
    const size = fstatSync(this.descriptor).size;
    try {
      for (let done = 0; done < line.length; ) done += writeSync(this.descriptor, line, done);
    } catch (cause) {
      // Half a line is taken back, so that the file stays whole; if that fails too, the reader drops it.
      try {
        ftruncateSync(this.descriptor, size);
      } catch {}
      throw this.stop(cause);
    }
  }

  /** Returns when everything appended is on the disk. @throws AttsError `io` */
  sync(): void {
    if (this.stopped) throw this.stopped;
    try {
      fsyncSync(this.descriptor);
    } catch (cause) {
      // A character device has nothing to sync. Any other failed fsync is final: a second one may report success for
      // pages that the first one lost.
      if ((cause as NodeJS.ErrnoException).code !== 'EINVAL') throw this.stop(cause);
    }
  }

  /** A record after this is an error: the descriptor's number may belong to another file by then. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.stopped ??= new AttsError('io', `cannot write ${this.path}: it is closed`);
    closeSync(this.descriptor);
  }

  private stop(cause: unknown): AttsError {
    this.stopped = writeError(this.path, cause);
    return this.stopped;
  }
}

/** Truncates a file to its last line feed, looking backwards a block at a time. */
function cutTornLine(descriptor: number): void {
  const stat = fstatSync(descriptor);
  if (!stat.isFile()) return;
  const block = Buffer.alloc(64 * 1024);
  for (let end = stat.size; end > 0; ) {
    const start = Math.max(0, end - block.length);
    const read = readSync(descriptor, block, 0, end - start, start);
    const at = block.subarray(0, read).lastIndexOf(lineFeed);
    if (at >= 0) {
      if (start + at + 1 < stat.size) ftruncateSync(descriptor, start + at + 1);
      return;
    }
    end = start;
  }
  if (stat.size > 0) ftruncateSync(descriptor, 0);
}

/** JSON that says so when a number is not finite, instead of writing null. @throws AttsError `run` */
export function strictJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (key, inner) => {
      if (typeof inner === 'number' && !Number.isFinite(inner)) {
        throw new AttsError('run', `${key} is ${inner}, which JSON cannot hold`);
      }
      return inner;
    },
    indent,
  );
}

/**
 * Reads JSON lines. One torn last line (a process killed in the middle of it) is dropped.
 * @throws AttsError `io` where the file cannot be read, `run` with file and line for any other bad line
 */
export function readJsonl<T>(path: string, schema: z.ZodType<T>): T[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new AttsError('io', `cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
  const records: T[] = [];
  // Only what ends in a line feed was written whole. Line by line, because all of it may be longer than a string can be.
  for (let start = 0, end = bytes.indexOf(lineFeed); end >= 0; start = end + 1, end = bytes.indexOf(lineFeed, start)) {
    records.push(parseLine(bytes.toString('utf8', start, end), schema, `${path}:${records.length + 1}`));
  }
  return records;
}

function parseLine<T>(line: string, schema: z.ZodType<T>, where: string): T {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new AttsError('run', `${where} is not JSON; restore the line or choose another --out`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  const field = path.length > 0 ? `${path.join('.')}: ` : '';
  throw new AttsError('run', `${where} is not a valid record (${field}${message}); restore it or choose another --out`);
}
