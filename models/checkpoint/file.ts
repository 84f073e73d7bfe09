import { sha256Hex } from '../../src/digest.js';
import { AttsError } from '../../src/errors.js';

/** A file of weights, read by position and never as a whole. */
export interface WeightsFile {
  /** Or its URL. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes of the caller's own. @throws AttsError `checkpoint` where the file ends before */
  read(position: number, length: number): Uint8Array;
  /** What its server tells this version from others by; null where only its bytes do. */
  readonly version: string | null;
  close(): void;
}

/** A file that is here as a whole. */
export function memoryFile(path: string, bytes: Uint8Array): WeightsFile {
  return {
    path,
    size: bytes.length,
    version: null,
    read(position, length) {
      if (position + length > bytes.length) {
        throw new AttsError('checkpoint', `${path}: ends before byte ${position + length}; get it again`);
      }
      return bytes.slice(position, position + length);
    },
    close() {},
  };
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
  return sha256Hex(blocksOf(files));
}

function* blocksOf(files: readonly WeightsFile[]): Generator<Uint8Array> {
  const block = 2 ** 20;
  for (const file of files) {
    for (let position = 0; position < file.size; position += block) {
      yield file.read(position, Math.min(block, file.size - position));
    }
  }
}
