import { type Cost, float32Bytes } from '../../cost.js';

/** Cost of drawing R tokens from logits [R, V]. */
export function sampleCost(R: number, V: number): Cost {
  return { flops: 4 * R * V, bytes: { weights: 0, activations: R * V * float32Bytes, cache: 0 } };
}
