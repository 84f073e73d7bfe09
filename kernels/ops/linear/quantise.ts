/** Quantised weights in groups of 32 along K, before a backend packs them. */

export const groupSize = 32;

/**
 * - `q8`: w = scale · q, q in [−127, 127] (the meaning of GGUF's Q8_0).
 * - `q4`: w = scale · q + min, q in [0, 15] (Q4_1; Q4_0 is min = −8 · scale).
 */
export interface QuantisedMatrix {
  readonly dtype: 'q8' | 'q4';
  readonly N: number;
  readonly K: number;
  /** [N, groups], groups = ⌈K / 32⌉ */
  readonly scales: Float32Array;
  /** [N, groups]; all 0 for q8. */
  readonly mins: Float32Array;
  /** [N, K] one a byte */
  readonly values: Int8Array;
}

/** Quantises W[N, K], row-major: q8 by the largest absolute value of a group, q4 by its range. */
export function quantise(w: Float32Array, N: number, K: number, dtype: 'q8' | 'q4'): QuantisedMatrix {
  const groups = Math.ceil(K / groupSize);
  const scales = new Float32Array(N * groups);
  const mins = new Float32Array(N * groups);
  const values = new Int8Array(N * K);
  for (let n = 0; n < N; n++) {
    for (let g = 0; g < groups; g++) {
      const from = n * K + g * groupSize;
      const to = Math.min(from + groupSize, (n + 1) * K);
      let low = Number.POSITIVE_INFINITY;
      let high = Number.NEGATIVE_INFINITY;
      for (let i = from; i < to; i++) {
        low = Math.min(low, w[i]);
        high = Math.max(high, w[i]);
      }
      const at = n * groups + g;
      if (dtype === 'q8') {
        scales[at] = Math.max(-low, high) / 127;
      } else {
        scales[at] = (high - low) / 15;
        mins[at] = low;
      }
      const inverse = scales[at] === 0 ? 0 : 1 / scales[at];
      for (let i = from; i < to; i++) values[i] = Math.round((w[i] - mins[at]) * inverse);
    }
  }
  return { dtype, N, K, scales, mins, values };
}

/** The float32 weights [N, K] that a quantised matrix stands for. */
export function dequantise({ N, K, scales, mins, values }: QuantisedMatrix): Float32Array {
  const groups = Math.ceil(K / groupSize);
  const w = new Float32Array(N * K);
  for (let n = 0; n < N; n++) {
    for (let k = 0; k < K; k++) {
      const at = n * groups + Math.floor(k / groupSize);
      w[n * K + k] = scales[at] * values[n * K + k] + mins[at];
    }
  }
  return w;
}
