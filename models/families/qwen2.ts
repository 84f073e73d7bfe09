import { AttsError } from '../../src/errors.js';
import { type Family, readCommon } from './decoder-config.js';
import { likeLlama } from './llama.js';
import { attentionBiases, huggingFaceNames } from './weight-names.js';

/** Qwen2 and Qwen2.5: llama with biases on q, k and v (Yang et al. 2024, arXiv 2407.10671). */
export const qwen2: Family = {
  name: 'qwen2',
  modelTypes: ['qwen2'],
  decoderConfig(config) {
    refuseSlidingWindow(config);
    return likeLlama('qwen2', config, readCommon(config));
  },
  weightNames(config) {
    return huggingFaceNames(readCommon(config).tie_word_embeddings, attentionBiases);
  },
};

/** Which layers slide differs between releases of the qwen configs, so a checkpoint that uses it is refused. */
export function refuseSlidingWindow(config: Readonly<Record<string, unknown>>): void {
  if (config.use_sliding_window === true) {
    throw new AttsError('checkpoint', 'config.json: use_sliding_window = true is not supported for qwen');
  }
}
