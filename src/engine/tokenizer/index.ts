import { readGgufHeader } from '../../../models/checkpoint/gguf/header.js';
import { isGguf } from '../../../models/checkpoint/open.js';
import type { Tokenizer, TokenText } from '../engine.js';
import { bytePairTokenizer, type TokenizerFile } from './byte-pair.js';
import { folderTokenizer } from './folder.js';
import { ggufTokenizer } from './gguf.js';

/**
 * The tokenizer of a checkpoint: a GGUF file (`.gguf`), or a folder with tokenizer.json and tokenizer_config.json.
 * @throws AttsError `checkpoint` for missing or unusable files
 */
export async function openTokenizer(path: string): Promise<Tokenizer> {
  return bytePairTokenizer(openTokenizerFile(path));
}

/** The same as its file describes it, before anything is made of it. */
export function openTokenizerFile(path: string): TokenizerFile {
  return isGguf(path) ? ggufTokenizer(readGgufHeader(path).metadata, path) : folderTokenizer(path);
}

/** A text from its begin, opened as the tokenizer opens one. */
export function openText({ encode, bosId, fingerprint }: Tokenizer, text: string): TokenText {
  const ids = encode(text);
  return { ids: bosId === null || ids[0] === bosId ? ids : [bosId, ...ids], text, fingerprint };
}
