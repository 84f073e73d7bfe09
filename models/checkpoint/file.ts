import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { AttsError } from '../../src/errors.js';
import { isRemote, openRemoteFile } from './remote/file.js';

/** A file of weights, read by position and never as a whole. */
export interface WeightsFile {
  /** Or its URL. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** @throws AttsError `checkpoint` where the file ends before */
  read(position: number, length: number): Buffer;
  /** What its server tells this version from others by; null where only its bytes do. */
  readonly version: string | null;
  close(): void;
}

/**
 * @param path of a file here, or a URL
 * @throws AttsError `checkpoint`, or `io` for a URL
 */
export function openWeightsFile(path: string): WeightsFile {
  if (isRemote(path)) return openRemoteFile(path);
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (cause) {
    throw new AttsError('checkpoint', `${path}: cannot be opened`, { cause });
  }
  const status = fstatSync(descriptor);
  if (!status.isFile()) {
    closeSync(descriptor);
    throw new AttsError('checkpoint', `${path}: is not a file`);
  }
  return {
    path,
    size: status.size,
    version: null,
    read: (position, length) => readAt(path, descriptor, position, length),
    close: () => closeSync(descriptor),
  };
}

function readAt(path: string, descriptor: number, position: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(length);
  for (let done = 0; done < length; ) {
    const n = readSync(descriptor, buffer, done, length - done, position + done);
    if (n === 0) throw new AttsError('checkpoint', `${path}: ends before byte ${position + length}; get it again`);
    done += n;
  }
  return buffer;
}

/** A name that a file gives, as it may stand in an error line. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}

/**
 * SHA-256 of files one after another, hex. A file elsewhere that its server tells from others is not transferred for it:
 * its hash is that version, as the server says it.
 */
export function hashFiles(files: readonly WeightsFile[]): string {
  if (files.length === 1 && files[0].version !== null) return files[0].version;
  const hash = createHash('sha256');
  const block = 2 ** 20;
  for (const file of files) {
    for (let position = 0; position < file.size; position += block) {
      hash.update(file.read(position, Math.min(block, file.size - position)));
    }
  }
  return hash.digest('hex');
}
