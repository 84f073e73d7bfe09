import { AttsError } from '../../src/errors.js';
import { activationOf, commonDecoderConfig, everyLayer, type Family, readCommon, readRope } from './decoder-config.js';
import { attentionBiases, huggingFaceNames } from './weight-names.js';

/** Qwen2 and Qwen2.5: llama with biases on q, k and v (Yang et al. 2024, arXiv 2407.10671). */
export const qwen2: Family = {
  name: 'qwen2',
  modelTypes: ['qwen2'],
  decoderConfig(config) {
    const common = readCommon(config);
    refuseSlidingWindow(config);
    return {
      ...commonDecoderConfig(common),
      family: 'qwen2',
      activation: activationOf(config, 'hidden_act', 'silu'),
      rope: everyLayer(common, readRope(common, 10_000)),
      slidingWindow: everyLayer(common, null),
    };
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
