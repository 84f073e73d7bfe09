import { AttsError } from '../../src/errors.js';
import type { Family } from './decoder-config.js';
import { gemma3 } from './gemma3.js';
import { llama } from './llama.js';
import { qwen2 } from './qwen2.js';
import { qwen3 } from './qwen3.js';

export const families: readonly Family[] = [llama, qwen2, qwen3, gemma3];

/** The family of a checkpoint by its config.json. @throws AttsError `checkpoint` */
export function familyOf(config: Readonly<Record<string, unknown>>): Family {
  const family = families.find(({ modelTypes }) => modelTypes.includes(String(config.model_type)));
  if (family) return family;
  const known = families.flatMap(({ modelTypes }) => modelTypes).join(', ');
  throw new AttsError('checkpoint', `config.json: model_type ${config.model_type} is not supported (${known} are)`);
}
