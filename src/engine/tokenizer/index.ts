import { diskFolder } from '../../../models/checkpoint/disk.js';
import { readGgufHeader } from '../../../models/checkpoint/gguf/header.js';
import { isGguf } from '../../../models/checkpoint/open.js';
import type { Tokenizer } from '../engine.js';
import { bytePairTokenizer, type TokenizerFile } from './byte-pair.js';
import { folderTokenizer } from './folder.js';
import { ggufTokenizer } from './gguf.js';

export { openText } from './open-text.js';

/**
 * The tokenizer of a checkpoint: a GGUF file (`.gguf`), or a folder with tokenizer.json and tokenizer_config.json.
 * @throws AttsError `checkpoint` for missing or unusable files
 */
export async function openTokenizer(path: string): Promise<Tokenizer> {
  return bytePairTokenizer(openTokenizerFile(path));
}

/** The same as its file describes it, before anything is made of it. */
export function openTokenizerFile(path: string): TokenizerFile {
  return isGguf(path) ? ggufTokenizer(readGgufHeader(path).metadata, path) : folderTokenizer(diskFolder(path));
}
