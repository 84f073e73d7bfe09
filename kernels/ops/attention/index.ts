import type * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from '../../tfjs.js';
import { type AttentionAttributes, type AttentionInputs, attentionReference } from './reference.js';

export { type CacheDtype, KvCache, type KvCacheShape, pageBytes, type RaggedRows } from './cache.js';

const run = defineKernel<AttentionInputs, AttentionAttributes>('AttsAttention', attentionReference);

/**
 * Causal attention of ragged rows over a paged KV cache that holds the rows' own keys and values already (ropeAppend),
 * grouped query heads (Vaswani et al. 2017; Ainslie et al. 2023, arXiv 2305.13245; pages: Kwon et al. 2023, arXiv
 * 2309.06180). A row sees itself and the rows before it in its sequence.
 * @param q [T, heads · headDim], rotated
 * @returns [T, heads · headDim] float32; a row depends on its sequence and position only
 */
export function attention(q: tf.Tensor, attributes: AttentionAttributes): tf.Tensor {
  return run({ q }, attributes);
}
