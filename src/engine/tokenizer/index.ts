import { readGgufHeader } from '../../../models/checkpoint/gguf/header.js';
import type { Tokenizer } from '../engine.js';
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
