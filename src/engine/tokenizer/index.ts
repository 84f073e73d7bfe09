import { readGgufHeader } from '../../../models/checkpoint/gguf/header.js';
import type { Tokenizer, TokenText } from '../engine.js';
import { bytePairTokenizer } from './byte-pair.js';
import { folderTokenizer } from './folder.js';
import { ggufTokenizer } from './gguf.js';

/**
 * The tokenizer of a checkpoint: a GGUF file (`.gguf`), or a folder with tokenizer.json and tokenizer_config.json.
 * @throws AttsError `checkpoint` for missing or unusable files
 */
export async function openTokenizer(path: string): Promise<Tokenizer> {
  const file = path.endsWith('.gguf') ? ggufTokenizer(readGgufHeader(path).metadata, path) : folderTokenizer(path);
  return bytePairTokenizer(file);
}

/** A text from its begin, opened as the tokenizer opens one. */
export function openText({ encode, bosId, fingerprint }: Tokenizer, text: string): TokenText {
  const ids = encode(text);
  return { ids: bosId === null || ids[0] === bosId ? ids : [bosId, ...ids], text, fingerprint };
}
