import { type Cost, float32Bytes } from '../../cost.js';

/**
 * Cost of attention for T rows that together see `seen` cached tokens (sum over rows of position + 1, or of the window),
 * reading `read` distinct cached tokens; `cacheBytes` is the stored size of one of their values.
 */
export function attentionCost(
  shape: { heads: number; kvHeads: number; headDim: number },
  T: number,
  seen: number,
  read: number,
  cacheBytes = float32Bytes,
): Cost {
  const { heads, kvHeads, headDim } = shape;
  return {
    flops: 4 * seen * heads * headDim + 3 * seen * heads,
    bytes: {
      weights: 0,
      activations: 2 * T * heads * headDim * float32Bytes,
      cache: 2 * read * kvHeads * headDim * cacheBytes,
    },
  };
}
