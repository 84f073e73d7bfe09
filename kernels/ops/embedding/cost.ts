import { type Cost, float32Bytes } from '../../cost.js';

/** Cost of looking up T rows of width d; `weightBytes` is the stored size of one value. */
export function embeddingCost(T: number, d: number, weightBytes = float32Bytes): Cost {
  return { flops: T * d, bytes: { weights: T * d * weightBytes, activations: T * d * float32Bytes, cache: 0 } };
}
