import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { abacusFolder } from '../../../models/abacus/paths.js';
import type { GgufValue } from '../../../models/checkpoint/gguf/header.js';
import type { Tokenizer } from '../../../src/engine/engine.js';
import { bytePairTokenizer } from '../../../src/engine/tokenizer/byte-pair.js';
import { ggufTokenizer } from '../../../src/engine/tokenizer/gguf.js';
import { byteCharacters } from '../../../src/engine/tokenizer/token-bytes.js';
import { parseTokenizerJson } from '../../../src/engine/tokenizer/tokenizer-json.js';

export const abacus = join(abacusFolder, 'abacus-llama-0.4m');

export interface AbacusJson {
  added_tokens: { id: number; content: string; special: boolean }[];
  pre_tokenizer: { pretokenizers: { pattern?: { Regex: string } }[] };
  model: { vocab: Record<string, number>; merges: string[] };
}

/** The embedded tokenizer's document, to be changed at will. */
export function abacusJson(): AbacusJson {
  return JSON.parse(readFileSync(join(abacus, 'tokenizer.json'), 'utf8'));
}

export function fromJson(document: unknown, overrides: object = {}): Tokenizer {
  const file = { source: 'test', bosId: null, stopIds: [], chatTemplate: null, templateTokens: {}, ...overrides };
  return bytePairTokenizer({ ...file, ...parseTokenizerJson(document, 'test') });
}

export function fromMetadata(metadata: Record<string, GgufValue>): Tokenizer {
  return bytePairTokenizer(ggufTokenizer(new Map(Object.entries(metadata)), 'test.gguf'));
}

/** The embedded tokenizer as a GGUF file has it. */
export function abacusMetadata(): Record<string, GgufValue> {
  const { added_tokens: added, model } = abacusJson();
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(model.vocab)) tokens[id] = token;
  const kinds = new Int32Array(512).fill(1);
  for (const { id, content } of added) {
    tokens[id] = content;
    kinds[id] = 3;
  }
  return {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'qwen2',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': kinds,
    'tokenizer.ggml.merges': model.merges,
    'tokenizer.ggml.eos_token_id': 511,
  };
}

/** A small SentencePiece vocabulary: control tokens, bytes, letters and some words. */
export function sentencePieceMetadata(overrides: Record<string, GgufValue> = {}): Record<string, GgufValue> {
  const special = ['<unk>', '<s>', '</s>'];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const user = ['\n\n', '<think>'];
  const pieces = [...'▁abcdehlorw', '▁a', 'el', 'lo', 'll', 'hel', '▁hel', 'ello', 'or', 'wor', '▁wor', 'é', '世'];
  const tokens = [...special, ...bytes, ...user, ...pieces];
  const kinds = [2, 3, 3, ...bytes.map(() => 6), 4, 4, ...pieces.map(() => 1)];
  return {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': Int32Array.from(kinds),
    'tokenizer.ggml.scores': Float32Array.from(tokens, (_, id) => -id),
    'tokenizer.ggml.unknown_token_id': 0,
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    ...overrides,
  };
}

/** A byte-level vocabulary of bytes and given merges. */
export function byteLevelMetadata(pre: string, merges: string[] = []): Record<string, GgufValue> {
  const tokens = [...byteCharacters, ...merges.map((merge) => merge.replace(' ', ''))];
  return {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': pre,
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.merges': merges,
  };
}

/** Random text of all kinds: any characters, and those that tokenizers stumble over. */
export const anyText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 6 }),
      fc.constantFrom(
        ...['🙂', '👨‍👩‍👧', 'e\u0301', '世界', ' ', '  ', '\n', '\n\n', '\r\n', '\t', 'ß', '\uFEFF', '\0', '▁', 'Ġ'],
      ),
      fc.constantFrom(...["it's", ' 12', '<|im_end|>', '<|im_', 'Step 1: 14 + 23 = 37.\n', '<0x0A>', '\\boxed{5}']),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.from(parts.join('')).toString());
