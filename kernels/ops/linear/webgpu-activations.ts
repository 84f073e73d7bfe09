/**
 * The activations of a product in WGSL: read, normed, and made what they are when they meet weights of a dtype, once as
 * they go into workgroup memory. The eight threads that read a group of 32 k share its largest absolute value, which
 * depends on the row alone.
 */
import { enableLanes, joining, largest, sum } from '../../backends/webgpu/lanes.js';
import { components, range } from '../../unroll.js';
import type { WeightDtype } from './index.js';
import { activationSteps, isQuantised } from './quantise.js';
import { reach } from './webgpu-layout.js';

export interface ProductShape {
  readonly dtype: WeightDtype;
  readonly K: number;
  /** Whether rows are normed (root mean square) as they are read. */
  readonly norm: boolean;
  /** Whether the program may enable f16: float16 weights then meet float16 activations. */
  readonly f16: boolean;
  /** Neighbouring threads that exchange values. */
  readonly lanes: number;
}

const sharesPeaks = ({ dtype, f16 }: ProductShape) => isQuantised(dtype) || f16;
/** Whether threads exchange values: of a row's norm, or of a group's largest. */
const exchanges = (shape: ProductShape) => shape.norm || sharesPeaks(shape);

/** What of a shape changes the code. */
export function shapeKey(shape: ProductShape): string {
  const { dtype, K, norm, f16, lanes } = shape;
  const exchanging = exchanges(shape) ? ` lanes ${lanes}` : '';
  return `${dtype}${f16 ? ' f16' : ''}${norm ? ' norm' : ''}${K % 4 === 0 ? '' : ' odd'}${exchanging}`;
}

/** WGSL that a program of the shape begins with. */
export function enabling(shape: ProductShape): string {
  return `${shape.f16 ? 'enable f16;' : ''} ${exchanges(shape) ? enableLanes(shape.lanes) : ''}`;
}

/**
 * WGSL: `xQuad`(first, row, k), four activations of a row of the tile; 0 beyond M and K. Bindings are x, `gain` where
 * there is a norm, and the uniforms p.
 * @param together rows that a thread prepares at a time
 */
export function activationsCode(shape: ProductShape, threads: number, rows: number, together: 1 | 4): string {
  const { K, norm, lanes } = shape;
  const isWhole = K % 4 === 0;
  const xQuad = isWhole
    ? 'return x[(m * p.K + k) >> 2u];'
    : `let at = m * p.K + k; let left = p.K - k;
       return vec4f(x[at], select(0.0, x[at + 1u], left > 1u), select(0.0, x[at + 2u], left > 2u), select(0.0, x[at + 3u], left > 3u));`;
  return /* wgsl */ `
${norm ? `var<workgroup> inverse: array<f32, ${rows}>;` : ''}
fn rawQuad(m: u32, k: u32) -> vec4f {
  if (m >= p.M || k >= p.K) { return vec4f(0.0); }
  ${xQuad}
}
fn xQuad(first: u32, row: u32, k: u32) -> vec4f {
  let raw = rawQuad(first + row, k);
  ${
    norm
      ? `if (k >= p.K) { return raw; }
  let last = p.K - 1u;
  let g = vec4f(gain[k], gain[min(k + 1u, last)], gain[min(k + 2u, last)], gain[min(k + 3u, last)]);
  return raw * inverse[row] * g;`
      : 'return raw;'
  }
}
${norm ? inversesCode(threads, rows, lanes) : ''}
${sharesPeaks(shape) ? preparingCode(shape, threads, together) : ''}`;
}

const inversesCode = (threads: number, rows: number, lanes: number) => /* wgsl */ `
// One over the root mean square of the tile's rows, 32 threads a row.
${joining('sumOf', sum, { width: 32, threads, lanes })}
fn findInverses(first: u32, tid: u32) {
  let lane = tid & 31u;
  for (var base = 0u; base < ${rows}u; base += ${threads / 32}u) {
    let row = base + (tid >> 5u);
    var sum = 0.0;
    if (row < ${rows}u) {
      for (var k = lane * 4u; k < p.K; k += 128u) {
        let v = rawQuad(first + row, k);
        sum = fma(v.x, v.x, sum); sum = fma(v.y, v.y, sum); sum = fma(v.z, v.z, sum); sum = fma(v.w, v.w, sum);
      }
    }
    let all = sumOf(sum, tid);
    if (lane == 0u && row < ${rows}u) { inverse[row] = inverseSqrt(all / f32(p.K) + p.epsilon); }
  }
  workgroupBarrier();
}`;

const preparingCode = ({ f16, lanes }: ProductShape, threads: number, together: 1 | 4) => /* wgsl */ `
${joining('peakOf', largest, { width: 8, threads, lanes, type: together === 1 ? 'f32' : 'vec4f' })}
fn peak(x: vec4f) -> f32 {
  let v = abs(x);
  return max(max(v.x, v.y), max(v.z, v.w));
}
${
  f16
    ? /* wgsl */ `
// The biased exponent of the power of two that brings the largest of a group just below its reach.
fn exponentOf(most: f32) -> i32 { return clamp(253 - i32(bitcast<u32>(most) >> 23u) + ${reach}, 1, 253); }
fn power(exponent: i32) -> f32 { return bitcast<f32>(u32(exponent) << 23u); }`
    : /* wgsl */ `
// To whole steps of the largest of a group, as the CPU does. WGSL lets a quotient be off in its last bits: one value in
// some hundreds may then go to the step beside.
fn rounded(x: vec4f, most: f32) -> vec4f {
  let steps = select(0.0, ${activationSteps}.0 / most, most > 1.0e-34);
  return round(x * steps) * (most / ${activationSteps}.0);
}`
}`;

/**
 * WGSL: x0, x1 … of so many rows, as `xQuad` gives them, become p0, p1 …, and where they are float16, e0, e1 … are the
 * exponents of the powers of two that they were multiplied by. All threads of a workgroup do it together, eight neighbours
 * with the quads of a group.
 */
export function preparing(shape: ProductShape, together: 1 | 4): string {
  const rows = range(together);
  if (!sharesPeaks(shape)) return rows.map((r) => `let p${r} = x${r};`).join(' ');
  const peaks = rows.map((r) => `peak(x${r})`).join(', ');
  const most = (r: number) => (together === 1 ? 'most' : `most.${components[r]}`);
  return [
    `let most = peakOf(${together === 1 ? peaks : `vec4f(${peaks})`}, tid);`,
    ...rows.map((r) =>
      shape.f16
        ? `let e${r} = exponentOf(${most(r)}); let p${r} = vec4h(x${r} * power(e${r}));`
        : `let p${r} = rounded(x${r}, ${most(r)});`,
    ),
  ].join('\n');
}
