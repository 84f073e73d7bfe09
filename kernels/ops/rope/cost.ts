import { type Cost, float32Bytes } from '../../cost.js';

/** Cost of norms, rotation and append of T rows of queries, keys and values; keys and values go to the cache. */
export function ropeAppendCost(
  { heads, kvHeads, headDim }: { heads: number; kvHeads: number; headDim: number },
  T: number,
  cacheBytes = float32Bytes,
): Cost {
  const rotated = T * (heads + kvHeads) * headDim;
  return {
    flops: 3 * rotated,
    bytes: {
      weights: 0,
      activations: (T * (2 * heads + 2 * kvHeads) * headDim + T * headDim) * float32Bytes,
      cache: 2 * T * kvHeads * headDim * cacheBytes,
    },
  };
}
