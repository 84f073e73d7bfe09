import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { AttsError } from '../../src/errors.js';

/** A file of weights, read by position and never as a whole. */
export interface WeightsFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** @throws AttsError `checkpoint` where the file ends before */
  read(position: number, length: number): Buffer;
  close(): void;
}

/** @throws AttsError `checkpoint` */
export function openWeightsFile(path: string): WeightsFile {
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

/** SHA-256 of files one after another, hex. */
export function hashFiles(files: readonly WeightsFile[]): string {
  const hash = createHash('sha256');
  const block = 2 ** 20;
  for (const file of files) {
    for (let position = 0; position < file.size; position += block) {
      hash.update(file.read(position, Math.min(block, file.size - position)));
    }
  }
  return hash.digest('hex');
}
