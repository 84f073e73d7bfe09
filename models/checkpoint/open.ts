import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { AttsError } from '../../src/errors.js';
import { abacusFolder } from '../abacus/paths.js';
import { hubIdOf, resolveCached } from '../hub/cache.js';
import { type Checkpoint, checkpointOf } from './checkpoint.js';
import { diskFolder } from './disk.js';
import { openFolder } from './folder.js';
import { openGguf } from './gguf/open.js';
import { isRemote } from './remote/file.js';

/** A checkpoint that comes with the package. */
export interface EmbeddedCheckpoint {
  readonly name: string;
  readonly folder: string;
  readonly family: string;
  readonly parameters: number;
  readonly dtype: string;
  readonly role: string;
}

export function embeddedCheckpoints(): EmbeddedCheckpoint[] {
  const at = (name: string) => ({ name, folder: join(abacusFolder, name) });
  return [
    { ...at('abacus-llama-0.4m'), family: 'llama', parameters: 443_232, dtype: 'F32', role: 'draft' },
    { ...at('abacus-qwen3-2m'), family: 'qwen3', parameters: 2_281_344, dtype: 'BF16', role: 'target' },
  ];
}

/** The folder, .gguf file or URL of one that a model spec names. @throws AttsError `usage` */
export function resolveModel(spec: string): string {
  const embedded = embeddedCheckpoints().find(({ name }) => name === spec);
  if (embedded) return embedded.folder;
  if (isRemote(spec)) {
    if (isGguf(spec)) return spec;
    throw new AttsError('usage', `${spec}: of models at a URL only .gguf files are read`);
  }
  const found = existsSync(spec) ? statSync(spec) : null;
  if (found?.isFile() && isGguf(spec)) return resolve(spec);
  if (found?.isDirectory()) return onlyGguf(spec) ?? resolve(spec);
  const cached = resolveCached(spec);
  if (cached !== null) return cached;
  const names = embeddedCheckpoints().map(({ name }) => name);
  throw new AttsError(
    'usage',
    `unknown model ${spec}: give ${names.join(', ')}, a .gguf file or its URL, a folder with config.json, tokenizer.json and model.safetensors, or org/name of a hub`,
  );
}

export function isGguf(place: string): boolean {
  return pathOf(place).toLowerCase().endsWith('.gguf');
}

/** Of a URL, what comes after its host and before its query. */
function pathOf(place: string): string {
  return isRemote(place) ? new URL(place).pathname : place;
}

/** The .gguf file of a folder that has no other weights. */
function onlyGguf(folder: string): string | null {
  if (existsSync(join(folder, 'config.json'))) return null;
  const files = readdirSync(folder).filter(isGguf);
  if (files.length > 1) {
    throw new AttsError(
      'usage',
      `${folder} has ${files.length} .gguf files: give one of them, such as ${join(folder, files.sort()[0])}`,
    );
  }
  return files.length === 1 ? resolve(folder, files[0]) : null;
}

/**
 * @param place a folder, a .gguf file or its URL, as `resolveModel` gives it
 * @throws AttsError `checkpoint` with the file and what is wrong with it
 */
export function openCheckpoint(place: string): Checkpoint {
  if (isGguf(place)) {
    const { file, config, tensors } = openGguf(place);
    const id = hubIdOf(place) ?? basename(pathOf(place)).slice(0, -'.gguf'.length);
    return checkpointOf({ id, folder: place, config, tensors }, [file]);
  }
  return openFolder(diskFolder(place), hubIdOf(place) ?? basename(place));
}
