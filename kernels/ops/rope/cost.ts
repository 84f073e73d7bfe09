import { type Cost, float32Bytes } from '../../cost.js';

/** Cost of rotating T rows of `width` = heads · headDim values. */
export function ropeCost(T: number, width: number, headDim: number): Cost {
  return {
    flops: 3 * T * width,
    bytes: { weights: 0, activations: (2 * T * width + T * headDim) * float32Bytes, cache: 0 },
  };
}
