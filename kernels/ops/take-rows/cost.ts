import { type Cost, float32Bytes } from '../../cost.js';

/** Cost of copying R rows of d values. */
export function takeRowsCost(R: number, d: number): Cost {
  return { flops: 0, bytes: { weights: 0, activations: 2 * R * d * float32Bytes, cache: 0 } };
}
