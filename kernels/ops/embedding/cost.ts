import { type Cost, float32Bytes } from '../../cost.js';

/** Cost of looking up T rows of width d. */
export function embeddingCost(T: number, d: number): Cost {
  return { flops: T * d, bytes: { weights: T * d * float32Bytes, activations: T * d * float32Bytes, cache: 0 } };
}
