import type * as tf from '@tensorflow/tfjs-core';
import { defineKernel, registerFor } from '../../tfjs.js';
import { type AttentionAttributes, type AttentionInputs, attentionReference } from './reference.js';
import { attentionSimd } from './simd.js';

export { KvCache, type KvCacheShape, pageBytes, type RaggedRows } from './cache.js';

const run = defineKernel<AttentionInputs, AttentionAttributes>('AttsAttention', attentionReference);
// Composed of stock ops, ragged decode spends its time copying cached pages; the compiled kernel reads them in place.
registerFor('wasm', 'AttsAttention', attentionSimd);

/**
 * Causal attention of ragged rows over a paged KV cache, grouped query heads (Vaswani et al. 2017; Ainslie et al. 2023,
 * arXiv 2305.13245; pages: Kwon et al. 2023, arXiv 2309.06180). The rows' keys and values are first written to their
 * slots in place, so a row sees itself and rows before it in the same pass.
 * @param q [T, heads · headDim], rotated
 * @param k [T, kvHeads · headDim], rotated
 * @param v [T, kvHeads · headDim]
 * @returns [T, heads · headDim] float32; a row depends on its sequence and position only
 */
export function attention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, attributes: AttentionAttributes): tf.Tensor {
  return run({ q, k, v }, attributes);
}
