import { type Cost, float32Bytes } from '../../cost.js';

/** Cost of T log-probabilities over a vocabulary of V at width d: one [T, V] product that is never stored. */
export function tokenLogProbCost(T: number, V: number, d: number, weightBytes = float32Bytes): Cost {
  return {
    flops: 2 * T * V * d + 3 * T * V,
    bytes: { weights: V * d * weightBytes, activations: (T * d + T) * float32Bytes, cache: 0 },
  };
}
