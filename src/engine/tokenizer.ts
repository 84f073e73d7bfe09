import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PreTrainedTokenizer } from '@xenova/transformers/src/tokenizers.js';
import { AttsError } from '../errors.js';
import type { Tokenizer } from './engine.js';

type Json = Record<string, unknown>;

/**
 * The tokenizer of a checkpoint's folder, from its local files only.
 * @throws AttsError `checkpoint` for missing or unusable files
 */
export async function openTokenizer(folder: string): Promise<Tokenizer> {
  const json = readJson(join(folder, 'tokenizer.json'));
  const config = readJson(join(folder, 'tokenizer_config.json'));
  let pretrained: PreTrainedTokenizer;
  try {
    pretrained = new PreTrainedTokenizer(json, config);
  } catch (cause) {
    throw new AttsError('checkpoint', `${join(folder, 'tokenizer.json')} is not a tokenizer that can be used`, {
      cause,
    });
  }
  const fingerprint = fingerprintOf(json);
  const encode = (text: string): number[] => pretrained.encode(text, null, { add_special_tokens: false });
  const special = (name: string): number | null => {
    const token = config[name];
    const content = typeof token === 'object' && token !== null ? (token as Json).content : token;
    const added = (json.added_tokens ?? []) as { id: number; content: string }[];
    return added.find((entry) => entry.content === content)?.id ?? null;
  };
  const eos = special('eos_token');
  return {
    fingerprint,
    stopIds: eos === null ? [] : [eos],
    bosId: special('bos_token'),
    encode,
    decode(ids) {
      if (ids.length === 0) return '';
      return pretrained.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false });
    },
    chat(messages) {
      if (typeof config.chat_template !== 'string') {
        throw new AttsError('checkpoint', `${folder}: its tokenizer has no chat template; use --prompt raw`);
      }
      const options = { tokenize: false, add_generation_prompt: true };
      const text = pretrained.apply_chat_template([...messages], options) as string;
      return { ids: encode(text), text, fingerprint };
    },
  };
}

/** Hash of the parts of tokenizer.json that decide ids and text; file layout and key order do not matter. */
function fingerprintOf(json: Json): string {
  const parts = ['added_tokens', 'normalizer', 'pre_tokenizer', 'post_processor', 'decoder', 'model'];
  const content = parts.map((part) => canonical(json[part] ?? null));
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, inner]) => [key, canonical(inner)]);
}

function readJson(path: string): Json {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Json;
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'is missing' : 'is not JSON';
    throw new AttsError('checkpoint', `${path} ${why}`);
  }
}
