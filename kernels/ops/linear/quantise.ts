/** Quantised weights in groups along K, before a backend packs them. */
import { roundToFloat16 } from '../../float16.js';

export type QuantisedDtype = 'q8' | 'q6' | 'q5' | 'q5k' | 'q4' | 'q4k';

export interface QuantisedFormat {
  /** Values along K that share a scale. */
  readonly group: 16 | 32;
  readonly lowest: number;
  readonly largest: number;
  readonly hasMin: boolean;
  /** Whole steps of a unit, which 256 values share, that a scale or a minimum is at most; 0: each is a float16 itself. */
  readonly mostSteps: number;
}

/**
 * w = scale · q (+ min), with a scale, and a minimum where there are any, for every `group` values along K.
 * - `q8`: q in [−127, 127] (the meaning of GGUF's Q8_0).
 * - `q5`, `q4`: q from 0 on, with a minimum (Q5_1, Q4_1; Q5_0 and Q4_0 with min = −16 · scale and −8 · scale).
 * - `q5k`, `q4k`: the same, but scales and minima are whole multiples of units (Q5_K, Q4_K).
 * - `q6`: q in [−32, 31], scales are multiples of units (Q6_K).
 */
export const quantisedFormats: Readonly<Record<QuantisedDtype, QuantisedFormat>> = {
  q8: { group: 32, lowest: -127, largest: 127, hasMin: false, mostSteps: 0 },
  q6: { group: 16, lowest: -32, largest: 31, hasMin: false, mostSteps: 127 },
  q5: { group: 32, lowest: 0, largest: 31, hasMin: true, mostSteps: 0 },
  q5k: { group: 32, lowest: 0, largest: 31, hasMin: true, mostSteps: 63 },
  q4: { group: 32, lowest: 0, largest: 15, hasMin: true, mostSteps: 0 },
  q4k: { group: 32, lowest: 0, largest: 15, hasMin: true, mostSteps: 63 },
};

/**
 * Activations that meet quantised weights are whole steps too, in every kernel of ours: of a row's 32 along K, the steps
 * are this part of the largest absolute value. Scores of a chunk are then the same on every backend, up to the order in
 * which float32 sums are taken.
 */
export const activationSteps = 32_767;

/** Values along K that share a unit. */
export const unitRows = 256;

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
  /** [N, ⌈K / 256⌉] float16 values of which the scales are whole multiples, in the formats that have units; else empty. */
  readonly scaleUnits: Float32Array;
  /** The same of the minima. */
  readonly minUnits: Float32Array;
  /** [N, K] one a byte */
  readonly values: Int8Array;
}

/** A scale or a minimum as a multiple of its unit. */
export function stepsOf(value: number, unit: number): number {
  return unit === 0 ? 0 : Math.round(value / unit);
}

/** Quantises W[N, K], row-major: by the largest absolute value of a group, or by its range where it has a minimum. */
export function quantise(w: Float32Array, N: number, K: number, dtype: QuantisedDtype): QuantisedMatrix {
  const { group, lowest, largest, hasMin, mostSteps } = quantisedFormats[dtype];
  const groups = Math.ceil(K / group);
  const units = mostSteps > 0 ? Math.ceil(K / unitRows) : 0;
  const scales = new Float32Array(N * groups);
  const mins = new Float32Array(N * groups);
  const scaleUnits = new Float32Array(N * units);
  const minUnits = new Float32Array(N * units);
  const values = new Int8Array(N * K);
  for (let n = 0; n < N; n++) {
    for (let g = 0; g < groups; g++) {
      const from = n * K + g * group;
      const to = Math.min(from + group, (n + 1) * K);
      // Multiples of a unit have one sign: a minimum of theirs is never above 0, as in K-quants.
      let low = hasMin && mostSteps > 0 ? 0 : Number.POSITIVE_INFINITY;
      let high = Number.NEGATIVE_INFINITY;
      for (let i = from; i < to; i++) {
        low = Math.min(low, w[i]);
        high = Math.max(high, w[i]);
      }
      const at = n * groups + g;
      scales[at] = (hasMin ? high - low : Math.max(-low, high)) / largest;
      if (hasMin) mins[at] = low;
    }
    const ofRow = (all: Float32Array, width: number) => all.subarray(n * width, (n + 1) * width);
    round(ofRow(scales, groups), ofRow(scaleUnits, units), unitRows / group, mostSteps);
    round(ofRow(mins, groups), ofRow(minUnits, units), unitRows / group, mostSteps);
    for (let k = 0; k < K; k++) {
      const at = n * groups + Math.floor(k / group);
      const q = scales[at] === 0 ? 0 : Math.round((w[n * K + k] - mins[at]) / scales[at]);
      values[n * K + k] = Math.min(largest, Math.max(lowest, q));
    }
  }
  return { dtype, N, K, scales, mins, scaleUnits, minUnits, values };
}

/** To float16, or to multiples of units that are chosen for every `together` numbers. */
function round(numbers: Float32Array, units: Float32Array, together: number, mostSteps: number): void {
  if (units.length === 0) {
    for (let g = 0; g < numbers.length; g++) numbers[g] = roundToFloat16(numbers[g]);
    return;
  }
  for (let u = 0; u < units.length; u++) {
    const some = numbers.subarray(u * together, (u + 1) * together);
    const extreme = some.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
    units[u] = roundToFloat16(extreme / mostSteps);
    for (let g = 0; g < some.length; g++) {
      some[g] = units[u] * Math.min(mostSteps, Math.max(0, stepsOf(some[g], units[u])));
    }
  }
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
