import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { AttsError } from '../../src/errors.js';
import { abacusFolder } from '../abacus/paths.js';
import { hubIdOf, resolveCached } from '../hub/cache.js';
import type { Checkpoint } from './checkpoint.js';
import { openSafetensors } from './safetensors.js';

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

/** The folder that a model spec names. @throws AttsError `usage` */
export function resolveModel(spec: string): string {
  const embedded = embeddedCheckpoints().find(({ name }) => name === spec);
  if (embedded) return embedded.folder;
  if (existsSync(spec) && statSync(spec).isDirectory()) return resolve(spec);
  const cached = resolveCached(spec);
  if (cached !== null) return cached;
  const names = embeddedCheckpoints().map(({ name }) => name);
  throw new AttsError(
    'usage',
    `unknown model ${spec}: give ${names.join(', ')}, a folder with config.json, tokenizer.json and model.safetensors, or org/name of a hub`,
  );
}

/** @throws AttsError `checkpoint` with the file and what is wrong with it */
export function openCheckpoint(folder: string): Checkpoint {
  const config = readConfig(join(folder, 'config.json'));
  const generation = join(folder, 'generation_config.json');
  const { tensors, hash, close } = openSafetensors(folder);
  // A stop id may stand in either file; the generation config is the later word.
  const eos = existsSync(generation) ? readConfig(generation).eos_token_id : undefined;
  return {
    id: hubIdOf(folder) ?? basename(folder),
    folder,
    config: eos === undefined ? config : { ...config, eos_token_id: eos },
    tensors,
    hash,
    close,
  };
}

function readConfig(path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'is missing' : 'is not JSON';
    throw new AttsError('checkpoint', `${path} ${why}`);
  }
  if (typeof value !== 'object' || value === null) throw new AttsError('checkpoint', `${path} is not a JSON object`);
  return value as Record<string, unknown>;
}
