import { addCosts, type Cost, float32Bytes } from '../../cost.js';
import { linearCost } from '../linear/cost.js';

/** Cost of the block over T rows: gate and up [d, f], activation · up, down [f, d]; an exponential counts one operation. */
export function gatedMlpCost(T: number, d: number, f: number, weightBytes = float32Bytes): Cost {
  const activation = { flops: 5 * T * f, bytes: { weights: 0, activations: 0, cache: 0 } };
  return addCosts([linearCost(T, 2 * f, d, weightBytes), activation, linearCost(T, d, f, weightBytes)]);
}
