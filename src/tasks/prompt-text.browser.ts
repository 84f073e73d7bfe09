/** In a browser there are no files. */
import { AttsError } from '../errors.js';
import type * as node from './prompt-text.js';

export const promptText: typeof node.promptText = (path) => {
  throw new AttsError('usage', `--prompt file:${path}: a browser reads no files; use chat, paper or raw`);
};
