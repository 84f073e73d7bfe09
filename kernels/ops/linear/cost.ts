import { type Cost, float32Bytes } from '../../cost.js';

/** Cost of x[M, K] · Wᵀ with W[N, K]; `weightBytes` is the stored size of one weight. */
export function linearCost(M: number, N: number, K: number, weightBytes = float32Bytes): Cost {
  return {
    flops: 2 * M * N * K,
    bytes: { weights: N * K * weightBytes, activations: (M * K + M * N) * float32Bytes, cache: 0 },
  };
}
