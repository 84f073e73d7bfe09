/** Quantised weights in groups along K, before a backend packs them. */

export type QuantisedDtype = 'q8' | 'q6' | 'q5' | 'q4';

/**
 * w = scale · q (+ min), with a scale, and a minimum where there are any, for every `group` values along K.
 * - `q8`: q in [−127, 127] (the meaning of GGUF's Q8_0; Q5_0 fits in it).
 * - `q6`: q in [−32, 31] (Q6_K).
 * - `q5`: q in [0, 31], with a minimum (Q5_1 and Q5_K).
 * - `q4`: q in [0, 15], with a minimum (Q4_1 and Q4_K; Q4_0 is min = −8 · scale).
 */
export const quantisedFormats = {
  q8: { group: 32, largest: 127, hasMin: false },
  q6: { group: 16, largest: 31, hasMin: false },
  q5: { group: 32, largest: 31, hasMin: true },
  q4: { group: 32, largest: 15, hasMin: true },
} as const satisfies Record<QuantisedDtype, { group: 16 | 32; largest: number; hasMin: boolean }>;

export function isQuantised(dtype: string): dtype is QuantisedDtype {
  return dtype in quantisedFormats;
}

export interface QuantisedMatrix {
  readonly dtype: QuantisedDtype;
  readonly N: number;
  readonly K: number;
  /** [N, groups], groups = ⌈K / group⌉ */
  readonly scales: Float32Array;
  /** [N, groups]; all 0 where the format has none. */
  readonly mins: Float32Array;
  /** [N, K] one a byte */
  readonly values: Int8Array;
}

/** Quantises W[N, K], row-major: by the largest absolute value of a group, or by its range where it has a minimum. */
export function quantise(w: Float32Array, N: number, K: number, dtype: QuantisedDtype): QuantisedMatrix {
  const { group, largest, hasMin } = quantisedFormats[dtype];
  const groups = Math.ceil(K / group);
  const scales = new Float32Array(N * groups);
  const mins = new Float32Array(N * groups);
  const values = new Int8Array(N * K);
  for (let n = 0; n < N; n++) {
    for (let g = 0; g < groups; g++) {
      const from = n * K + g * group;
      const to = Math.min(from + group, (n + 1) * K);
      let low = Number.POSITIVE_INFINITY;
      let high = Number.NEGATIVE_INFINITY;
      for (let i = from; i < to; i++) {
        low = Math.min(low, w[i]);
        high = Math.max(high, w[i]);
      }
      const at = n * groups + g;
      scales[at] = (hasMin ? high - low : Math.max(-low, high)) / largest;
      if (hasMin) mins[at] = low;
      const inverse = scales[at] === 0 ? 0 : 1 / scales[at];
      for (let i = from; i < to; i++) values[i] = Math.round((w[i] - mins[at]) * inverse);
    }
  }
  return { dtype, N, K, scales, mins, values };
}

/** The float32 weights [N, K] that a quantised matrix stands for. */
export function dequantise({ dtype, N, K, scales, mins, values }: QuantisedMatrix): Float32Array {
  const { group } = quantisedFormats[dtype];
  const groups = Math.ceil(K / group);
  const w = new Float32Array(N * K);
  for (let n = 0; n < N; n++) {
    for (let g = 0; g < groups; g++) {
      const [scale, min] = [scales[n * groups + g], mins[n * groups + g]];
      const end = n * K + Math.min(K, (g + 1) * group);
      for (let i = n * K + g * group; i < end; i++) w[i] = scale * values[i] + min;
    }
  }
  return w;
}
