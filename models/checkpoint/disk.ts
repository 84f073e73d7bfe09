import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { AttsError } from '../../src/errors.js';
import type { WeightsFile } from './file.js';
import type { CheckpointFolder } from './folder.js';
import { isRemote, openRemoteFile } from './remote/file.js';

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

function readAt(path: string, descriptor: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const n = readSync(descriptor, bytes, done, length - done, position + done);
    if (n === 0) throw new AttsError('checkpoint', `${path}: ends before byte ${position + length}; get it again`);
    done += n;
  }
  return bytes;
}

/** A folder of this machine. */
export function diskFolder(path: string): CheckpointFolder {
  const pathOf = (name: string) => join(path, name);
  return {
    path,
    pathOf,
    text(name) {
      try {
        return readFileSync(pathOf(name), 'utf8');
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw new AttsError('checkpoint', `${pathOf(name)} cannot be read`, { cause });
      }
    },
    weights: (name) => (existsSync(pathOf(name)) ? openWeightsFile(pathOf(name)) : null),
  };
}
