/**
 * How the WebGPU backend keeps W[N, K], and the WGSL that reads it. 32 features lie together, a group of 32 k after the
 * other; 16 bytes, a quad of 32-bit words, are what a thread loads at once. Within a group a quad holds
 * - f32: [k][panel 4][half 2], four features of one k; a panel is 8 features, a half 4 of them
 * - bf16, f16: [k][panel 4], eight features of one k: word j has feature j low and j + 4 high. After the last group of f16
 *   comes a quad whose first word is the reach of activations (`reachOf`)
 * - q8, q6, q5, q5k: after the scales, [k pair 16][panel 4]: the bytes of word j are feature j at both k, then j + 4
 * - q4, q4k: after the scales, [k quad 8][panel 4]: the same in the low nibbles, the next pair in the high ones.
 * Scales are [panel 4][half 2] quads of float32, then as many for the second 16 k (q6) or as many minima (the others); multiples of
 * units are multiplied out.
 */
import { float16Bits } from '../../float16.js';
import { components } from '../../unroll.js';
import { bf16Bits } from './bf16.js';
import type { WeightDtype } from './index.js';
import { blocksOf, type PlacedRows } from './matrix.js';
import { isQuantised, type QuantisedMatrix, quantisedFormats } from './quantise.js';

/** Features that lie together, and values of k that do. */
export const blockFeatures = 32;
export const groupRows = 32;

/** Quads of scales in front of a group, and of a whole group. */
const headerQuads: Readonly<Record<WeightDtype, number>> = {
  ...{ f32: 0, bf16: 0, f16: 0 },
  ...{ q8: 8, q6: 16, q5: 16, q5k: 16, q4: 16, q4k: 16 },
};
const groupQuads: Readonly<Record<WeightDtype, number>> = {
  ...{ f32: 256, bf16: 128, f16: 128 },
  ...{ q8: 72, q6: 80, q5: 80, q5k: 80, q4: 48, q4k: 48 },
};

const isInNibbles = (dtype: WeightDtype) => dtype === 'q4' || dtype === 'q4k';

/** Bytes of W[N, K] packed, with what fills up its last block and group. */
export function gpuBytes(N: number, K: number, dtype: WeightDtype): number {
  const quads = Math.ceil(N / blockFeatures) * Math.ceil(K / groupRows) * groupQuads[dtype];
  return (quads + (dtype === 'f16' ? 1 : 0)) * 16;
}

/** Multiply-adds of float16 that follow each other before float32 takes over: more of them are faster, fewer more exact. */
export const chainRows = 4;

/**
 * Activations that meet float16 weights in float16 stay below 2 to this: they, and a chain of products with the largest
 * weight, below 2^15.
 * @param largest bits of the largest weight's absolute value
 */
function reachOf(largest: number): number {
  const exponent = (largest >> 10) - 14; // of the power of two above it
  return Math.min(15, 15 - Math.log2(chainRows) - exponent);
}

/** Packs placed rows into `out`, which is all 0. */
export function packForGpu(parts: readonly PlacedRows[], K: number, dtype: WeightDtype, out: Uint8Array): void {
  const groups = Math.ceil(K / groupRows);
  const floats = new Float32Array(out.buffer, out.byteOffset, out.length / 4);
  const halves = new Uint16Array(out.buffer, out.byteOffset, out.length / 2);
  let largest = 0;
  for (const { rows, place } of parts) {
    for (const { first, count, block } of blocksOf(rows, dtype)) {
      for (let n = 0; n < count; n++) {
        const to = place(first + n);
        const at = Math.floor(to / blockFeatures) * groups * groupQuads[dtype];
        const feature = to % blockFeatures;
        if (!(block instanceof Float32Array)) {
          packQuantised(block, n, at, feature, out, floats);
        } else if (dtype === 'f32') {
          for (let k = 0; k < rows.K; k++) floats[at * 4 + k * 32 + feature] = block[n * rows.K + k];
        } else {
          const lane = (feature >> 3) * 8 + (feature & 3) * 2 + ((feature & 4) >> 2);
          const bitsOf = dtype === 'f16' ? float16Bits : bf16Bits;
          for (let k = 0; k < rows.K; k++) {
            const bits = bitsOf(block[n * rows.K + k]);
            halves[at * 8 + k * 32 + lane] = bits;
            if (dtype === 'f16') largest = Math.max(largest, bits & 0x7fff);
          }
        }
      }
    }
  }
  if (dtype === 'f16') new Int32Array(out.buffer, out.byteOffset + out.length - 16, 1)[0] = reachOf(largest);
}

function packQuantised(
  { dtype, K, scales, mins, values }: QuantisedMatrix,
  n: number,
  first: number,
  feature: number,
  out: Uint8Array,
  floats: Float32Array,
): void {
  const { group, hasMin } = quantisedFormats[dtype];
  const groups = Math.ceil(K / group);
  const lane = feature & 3;
  const half = (feature & 4) >> 2;
  for (let k = 0, g = 0; k < K; k += groupRows, g++) {
    const at = first + g * groupQuads[dtype];
    const scale = n * groups + k / group;
    floats[at * 4 + feature] = scales[scale];
    if (hasMin) floats[at * 4 + 32 + feature] = mins[scale];
    else if (group === 16 && k + 16 < K) floats[at * 4 + 32 + feature] = scales[scale + 1];
    const panel = (at + headerQuads[dtype] + (feature >> 3)) * 16 + lane * 4 + half * 2;
    for (let i = 0; i < Math.min(groupRows, K - k); i++) {
      const value = values[n * K + k + i];
      if (isInNibbles(dtype)) out[panel + (i >> 2) * 64 + (i & 1)] |= value << (i & 2 ? 4 : 0);
      else out[panel + (i >> 1) * 64 + (i & 1)] = value;
    }
  }
}

/** WGSL: index of the first quad of a group. */
export function groupStart(dtype: WeightDtype, block: string, group: string): string {
  return `(${block} * p.G + ${group}) * ${groupQuads[dtype]}u`;
}

/** WGSL: the reach of activations of a float16 matrix. */
export const reach = `bitcast<i32>(w[(p.N + 31u) / 32u * p.G * ${groupQuads.f16}u].x)`;

/** WGSL: scales and minima of panel `panel` of the group at `at`, as s0, s1 and t0, t1 (second scales, or minima). */
export function groupHeader(dtype: WeightDtype): string {
  if (!isQuantised(dtype)) return '';
  const load = (name: string, offset: number) => `let ${name} = bitcast<vec4f>(w[at + panel * 2u + ${offset}u]);`;
  const first = `${load('s0', 0)} ${load('s1', 1)}`;
  return headerQuads[dtype] === 8 ? first : `${first} ${load('t0', 8)} ${load('t1', 9)}`;
}

/**
 * WGSL: the weights of four k, 4i … 4i + 3 of the group at `at`, for the 8 features of `panel`: for each k in turn, w0 and
 * w1 (its halves, widened to float32) and then the body.
 * @param body given the k's place among the four
 * @param narrow leaves f16 weights as they are, vec4h, for programs that enable f16
 */
export function fourRows(
  dtype: WeightDtype,
  body: (component: (typeof components)[number]) => string,
  narrow = false,
): string {
  const steps = (weights: (k: number) => readonly [string, string]) =>
    components.map((c, k) => {
      const [w0, w1] = weights(k);
      return `{ let w0 = ${w0}; let w1 = ${w1}; ${body(c)} }`;
    });
  if (dtype === 'f32') {
    const at = (k: number) => `at + (i * 4u + ${k}u) * 8u + panel * 2u`;
    return steps((k) => [`bitcast<vec4f>(w[${at(k)}])`, `bitcast<vec4f>(w[${at(k)} + 1u])`]).join('\n');
  }
  if (dtype === 'bf16') {
    const loads = [0, 1, 2, 3].map((k) => `let v${k} = w[at + (i * 4u + ${k}u) * 4u + panel];`);
    const both = (k: number) =>
      [`bitcast<vec4f>(v${k} << vec4u(16u))`, `bitcast<vec4f>(v${k} & vec4u(0xffff0000u))`] as const;
    return [...loads, ...steps(both)].join('\n');
  }
  if (dtype === 'f16') {
    const loads = [0, 1, 2, 3].map((k) => {
      const v = `w[at + (i * 4u + ${k}u) * 4u + panel]`;
      return narrow
        ? `let v${k} = ${v}; let b${k} = bitcast<vec4h>(v${k}.xy); let c${k} = bitcast<vec4h>(v${k}.zw);`
        : `let v${k} = ${v}; ${components.map((word) => `let u${k}${word} = unpack2x16float(v${k}.${word});`).join(' ')}`;
    });
    const both = (k: number) =>
      narrow
        ? ([`vec4h(b${k}.xz, c${k}.xz)`, `vec4h(b${k}.yw, c${k}.yw)`] as const)
        : ([0, 1].map((h) => `vec4f(${components.map((word) => `u${k}${word}.${'xy'[h]}`).join(', ')})`) as [
            string,
            string,
          ]);
    return [...loads, ...steps(both)].join('\n');
  }
  const values = `at + ${headerQuads[dtype]}u`;
  const widened = (half: 0 | 1, integers: string) => {
    if (dtype === 'q6') return `vec4f(${integers}) * select(s${half}, t${half}, i >= 4u)`;
    return quantisedFormats[dtype].hasMin
      ? `fma(vec4f(${integers}), s${half}, t${half})`
      : `vec4f(${integers}) * s${half}`;
  };
  if (isInNibbles(dtype)) {
    const nibble = (bit: number) => `(v >> vec4u(${bit}u)) & vec4u(15u)`;
    const bit = (k: number) => (k & 1) * 8 + (k & 2) * 2;
    return [
      `let v = w[${values} + i * 4u + panel];`,
      ...steps((k) => [widened(0, nibble(bit(k))), widened(1, nibble(bit(k) + 16))]),
    ].join('\n');
  }
  const byte = (k: number, half: 0 | 1) =>
    `(bitcast<vec4i>(v${k >> 1}) << vec4u(${24 - 8 * ((k & 1) + 2 * half)}u)) >> vec4u(24u)`;
  return [
    ...[0, 1].map((pair) => `let v${pair} = w[${values} + (i * 2u + ${pair}u) * 4u + panel];`),
    ...steps((k) => [widened(0, byte(k, 0)), widened(1, byte(k, 1))]),
  ].join('\n');
}
