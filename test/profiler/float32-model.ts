import type { ModelOps } from '../../src/profiler/op-costs.js';
import type { ModelShape } from '../../src/profiler/pass-cost.js';

/** A model with every weight in float32. */
export function float32Model(shape: ModelShape): ModelOps {
  const { layers, hiddenSize: d, intermediateSize: f, heads, kvHeads, headDim, vocabSize: V } = shape;
  const kept = (values: number) => ({ dtype: 'f32', bytes: 4 * values });
  const layer = {
    qkv: kept(d * (heads + 2 * kvHeads) * headDim),
    output: kept(d * heads * headDim),
    mlp: kept(3 * d * f),
  };
  const weights = { embedding: kept(V * d), head: kept(V * d), layers: new Array(layers).fill(layer) };
  return { shape, weights, cacheDtype: 'f32' };
}
