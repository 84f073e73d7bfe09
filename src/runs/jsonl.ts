import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { z } from 'zod';
import { AttsError } from '../errors.js';

/**
 * Appends JSON lines. Synchronous on purpose: a line is with the operating system before the call returns, and the
 * order of a run's events never depends on the disk.
 */
export class JsonlWriter {
  private readonly path: string;
  private readonly descriptor: number;

  constructor(path: string) {
    this.path = path;
    try {
      this.descriptor = openSync(path, 'a+');
    } catch (cause) {
      throw writeError(path, cause);
    }
  }

  /** Writes one whole line or none. @throws AttsError `io` on a full disk, `run` for a number JSON cannot hold */
  append(record: object): void {
    const line = Buffer.from(`${strictJson(record)}\n`);
    const size = fstatSync(this.descriptor).size;
    try {
      for (let done = 0; done < line.length; ) done += writeSync(this.descriptor, line, done);
    } catch (cause) {
      // Half a line is taken back, so that the file stays whole; if that fails too, the reader drops it.
      try {
        ftruncateSync(this.descriptor, size);
      } catch {}
      throw writeError(this.path, cause);
    }
  }

  /** Returns when everything appended is on the disk. */
  sync(): void {
    try {
      fsyncSync(this.descriptor);
    } catch (cause) {
      // A character device has nothing to sync.
      if ((cause as NodeJS.ErrnoException).code !== 'EINVAL') throw writeError(this.path, cause);
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

export function writeError(path: string, cause: unknown): AttsError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = code === 'ENOSPC' ? 'no space left on the disk; free some and run the same command again' : message;
  return new AttsError('io', `cannot write ${path}: ${why}`, { cause });
}

/** JSON that says so when a number is not finite, instead of writing null. */
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
 * @throws AttsError `run` with file and line for any other bad line
 */
export function readJsonl<T>(path: string, schema: z.ZodType<T>): T[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  lines.pop(); // what stands behind the last line feed: nothing, or a torn line
  return lines.map((line, index) => {
    try {
      return schema.parse(JSON.parse(line));
    } catch (cause) {
      throw new AttsError('run', `${path}:${index + 1} is not a valid record`, { cause });
    }
  });
}
