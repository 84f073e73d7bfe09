/** What an op costs, by shape and dtype: the profiler's only source. */
export interface Cost {
  /** Floating point operations; a multiply-add counts two. */
  readonly flops: number;
  /** Bytes moved, each operand once: what a cache-less machine with perfect reuse inside the op would move. */
  readonly bytes: { readonly weights: number; readonly activations: number; readonly cache: number };
}

/** Bytes of a float32 value: activations and, on the stock backends, weights and cache. */
export const float32Bytes = 4;

export function addCosts(costs: readonly Cost[]): Cost {
  const sum = { flops: 0, bytes: { weights: 0, activations: 0, cache: 0 } };
  for (const { flops, bytes } of costs) {
    sum.flops += flops;
    sum.bytes.weights += bytes.weights;
    sum.bytes.activations += bytes.activations;
    sum.bytes.cache += bytes.cache;
  }
  return sum;
}
