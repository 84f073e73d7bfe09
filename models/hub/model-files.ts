import { globMatch } from '@huggingface/hub';
import { AttsError } from '../../src/errors.js';
import type { RemoteFile } from './pull.js';

export interface ModelFileChoice {
  /** Patterns with `*`; they replace the choice by default. */
  readonly include?: readonly string[];
  /** The one .gguf file that is wanted. */
  readonly file?: string | null;
}

/** Besides the weights: configuration, tokenizer, chat template. */
const companions = [
  ...['config*.json', 'generation_config.json', 'tokenizer*', 'special_tokens_map.json', 'added_tokens.json'],
  ...['vocab.json', 'merges.txt', 'chat_template*', '*.safetensors.index.json'],
];

/**
 * The files of a repository that a model needs: of its first level (others hold the same weights for other programs) the
 * safetensors and what belongs to them, or its .gguf file, which has everything in it.
 * @throws AttsError `usage` where there is nothing to choose, or several .gguf files and none was asked for
 */
export function modelFiles(repository: string, { include = [], file = null }: ModelFileChoice) {
  return (files: readonly RemoteFile[]): RemoteFile[] => {
    if (file !== null) return oneFile(repository, files, file);
    if (include.length > 0) {
      const chosen = files.filter(({ path }) => include.some((pattern) => globMatch(pattern, path)));
      if (chosen.length > 0) return chosen;
      throw new AttsError('usage', `${repository} has no file that matches ${include.join(' or ')}`);
    }
    const top = files.filter(({ path }) => !path.includes('/'));
    const about = top.filter(({ path }) => companions.some((pattern) => globMatch(pattern, path)));
    const weights = top.filter(({ path }) => path.endsWith('.safetensors'));
    if (weights.length > 0) {
      // Some repositories hold the same weights twice, the second time as the model's authors named them.
      const usual = weights.filter(({ path }) => path.startsWith('model'));
      return [...about, ...(usual.length > 0 ? usual : weights)];
    }
    const models = files.filter(({ path }) => path.endsWith('.gguf'));
    if (models.length === 1) return models;
    if (models.length > 1) {
      const list = models.map(({ path, size }) => `${path} (${gigabytes(size)})`).join(', ');
      throw new AttsError('usage', `${repository} has ${models.length} .gguf files: ${list}; choose one with --file`);
    }
    throw new AttsError('usage', `${repository} has neither .safetensors nor .gguf files; --include takes others`);
  };
}

function oneFile(repository: string, files: readonly RemoteFile[], file: string): RemoteFile[] {
  const found = files.filter(({ path }) => path === file);
  if (found.length > 0) return found;
  const models = files.filter(({ path }) => path.endsWith('.gguf')).map(({ path }) => path);
  const has = models.length > 0 ? `; it has ${models.join(', ')}` : ' and no .gguf file at all';
  throw new AttsError('usage', `${repository} has no ${file}${has}`);
}

function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
