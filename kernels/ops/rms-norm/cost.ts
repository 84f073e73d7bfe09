import { type Cost, float32Bytes } from '../../cost.js';

/** Cost of normalising T rows of `width` values, in groups of `group`. */
export function rmsNormCost(T: number, width: number, group = width): Cost {
  return {
    flops: 4 * T * width,
    bytes: { weights: group * float32Bytes, activations: 2 * T * width * float32Bytes, cache: 0 },
  };
}
