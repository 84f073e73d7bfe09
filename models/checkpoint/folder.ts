import { AttsError } from '../../src/errors.js';
import { type Checkpoint, checkpointOf } from './checkpoint.js';
import { memoryFile, type WeightsFile } from './file.js';
import { openSafetensors } from './safetensors.js';

/** The files of a checkpoint that is a folder, wherever it lies. */
export interface CheckpointFolder {
  readonly path: string;
  /** What error lines call a file of it. */
  pathOf(name: string): string;
  /** Null where there is none. @throws AttsError `checkpoint` where it cannot be read */
  text(name: string): string | null;
  /** Null where there is none. @throws AttsError `checkpoint` where it cannot be read */
  weights(name: string): WeightsFile | null;
}

/** A folder whose files were brought here: of a browser, from its server. */
export function memoryFolder(path: string, files: ReadonlyMap<string, Uint8Array>): CheckpointFolder {
  const pathOf = (name: string) => `${path}/${name}`;
  const from = <T>(name: string, make: (bytes: Uint8Array) => T): T | null => {
    const bytes = files.get(name);
    return bytes ? make(bytes) : null;
  };
  return {
    path,
    pathOf,
    text: (name) => from(name, (bytes) => new TextDecoder().decode(bytes)),
    weights: (name) => from(name, (bytes) => memoryFile(pathOf(name), bytes)),
  };
}

/**
 * The checkpoint of a folder with config.json and safetensors.
 * @throws AttsError `checkpoint` with the file and what is wrong with it
 */
export function openFolder(folder: CheckpointFolder, id: string): Checkpoint {
  const config = jsonObject(folder, 'config.json');
  if (config === null) throw new AttsError('checkpoint', `${folder.pathOf('config.json')} is missing`);
  // A stop id may stand in either file; the generation config is the later word.
  const eos = jsonObject(folder, 'generation_config.json')?.eos_token_id;
  const { tensors, files } = openSafetensors(folder);
  const whole = eos === undefined ? config : { ...config, eos_token_id: eos };
  return checkpointOf({ id, folder: folder.path, config: whole, tensors }, files);
}

function jsonObject(folder: CheckpointFolder, name: string): Record<string, unknown> | null {
  const text = folder.text(name);
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new AttsError('checkpoint', `${folder.pathOf(name)} is not JSON`);
  }
  if (typeof value !== 'object' || value === null) {
    throw new AttsError('checkpoint', `${folder.pathOf(name)} is not a JSON object`);
  }
  return value as Record<string, unknown>;
}
