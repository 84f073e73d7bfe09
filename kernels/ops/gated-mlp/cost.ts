import { type Cost, float32Bytes } from '../../cost.js';

/** Cost of activation(gate) · up over T rows of f values; an exponential counts one operation. */
export function gatedMlpCost(T: number, f: number): Cost {
  return { flops: 5 * T * f, bytes: { weights: 0, activations: 3 * T * f * float32Bytes, cache: 0 } };
}
