/**
 * The product x[M, K] · Wᵀ in WGSL, for whoever wants its outputs: linear, gatedMlp and tokenLogProb give it an ending.
 *
 * There are two programs, for few rows and for many, and an output has the same bits from both, at any tile size: the sum
 * of its groups of 32 k in their order, each the chain of fused multiply-adds of its k in their order. No output's
 * sum is shared by threads of a subgroup; the sum of a row's norm is (lanes.ts), to the same bits at any size of it.
 */
import { enableLanes, joining, sum } from '../../backends/webgpu/lanes.js';
import type { WeightDtype } from './index.js';
import { fourRows, groupHeader, groupStart } from './webgpu-layout.js';

/** What a product does with its sums. */
export interface Ending {
  /** Names the code. */
  readonly key: string;
  /** Declarations: bindings from `binding` on, and functions. */
  declare(binding: number): string;
  /** Of few rows: thread `tid` < 8 · rows has `total`, four features from quad `tid & 7` of block `block`, of row `tid >> 3`. */
  few(rows: number): string;
  /** Of many rows: each thread has some sums. */
  many(tile: Tile, sums: readonly RowSums[]): string;
}

/** The matrix-matrix program's tile: so many rows × 64 features a workgroup, and so many of these rows × 8 a thread. */
export interface Tile {
  readonly rows: number;
  /** 4 or 8 */
  readonly threadRows: number;
}

/** WGSL names of a thread's sums of one row of the tile, of the two halves of its panel `pc` of 8 features. */
export interface RowSums {
  readonly row: string;
  readonly halves: readonly [string, string];
}

export interface ProductShape {
  readonly dtype: WeightDtype;
  readonly K: number;
  /** Whether rows are normed (root mean square) as they are read. */
  readonly norm: boolean;
  /** Whether the program may enable f16: f16 weights then go through workgroup memory as they are. */
  readonly f16: boolean;
  /** Neighbouring threads that exchange values. */
  readonly lanes: number;
}

const productUniforms = 'struct Uniforms { M: u32, N: u32, K: u32, G: u32, epsilon: f32 }';

const fewThreads = 128;
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const components = ['x', 'y', 'z', 'w'] as const;

export function productKey({ dtype, K, norm, f16, lanes }: ProductShape, ending: Ending): string {
  return `${ending.key} ${dtype}${norm ? ` norm ${lanes}` : ''}${K % 4 === 0 ? '' : ' odd'}${f16 ? ' f16' : ''}`;
}

/** Bindings: 0 uniforms, 1 x, 2 w, 3 norm (where there is one), then the ending's. */
function preamble(
  { K, norm, f16, lanes }: ProductShape,
  ending: Ending,
  threads: number,
  rows: number,
  quads: number,
): string {
  const isWhole = K % 4 === 0;
  const xQuad = isWhole
    ? 'return x[(m * p.K + k) >> 2u];'
    : `let at = m * p.K + k; let left = p.K - k;
       return vec4f(x[at], select(0.0, x[at + 1u], left > 1u), select(0.0, x[at + 2u], left > 2u), select(0.0, x[at + 3u], left > 3u));`;
  return /* wgsl */ `
${f16 ? 'enable f16;' : ''}
${norm ? enableLanes(lanes) : ''}
${productUniforms}
@group(0) @binding(0) var<uniform> p: Uniforms;
@group(0) @binding(1) var<storage, read> x: array<${isWhole ? 'vec4f' : 'f32'}>;
@group(0) @binding(2) var<storage, read> w: array<vec4u>;
${norm ? '@group(0) @binding(3) var<storage, read> gain: array<f32>;' : ''}
${ending.declare(norm ? 4 : 3)}
var<workgroup> tile: array<vec4f, ${quads}>;
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
${
  norm
    ? `// One over the root mean square of the tile's rows, 32 threads a row.
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
}`
    : ''
}`;
}

/**
 * Few rows, a matrix-vector product: a workgroup takes 32 features and all of K. Each of 4 × 32 threads has a panel of 8
 * features and every 32nd group of k; then the groups' sums are added in order.
 */
export function fewRowsCode(shape: ProductShape, rows: number, ending: Ending): string {
  const { dtype, norm, f16 } = shape;
  const all = range(rows);
  const halves = all.flatMap((r) => [0, 1].map((h) => ({ r, h, name: `a${r}_${h}` })));
  const steps = fourRows(
    dtype,
    (c) => halves.map(({ r, h, name }) => `${name} = fma(vec4f(x${r}.${c}), vec4f(w${h}), ${name});`).join(' '),
    f16,
  );
  return /* wgsl */ `${preamble(shape, ending, fewThreads, rows, rows * 256)}
@compute @workgroup_size(${fewThreads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) tid: u32) {
  let block = workgroup.x;
  let first = workgroup.y * ${rows}u;
  let panel = tid & 3u;
  let lane = tid >> 2u;
  ${norm ? 'findInverses(first, tid);' : ''}
  var total = vec4f(0.0);
  for (var origin = 0u; origin < p.G; origin += 32u) {
    // Rows of x, with the quads of a group turned by its number so that neighbours read different banks.
    for (var j = tid; j < ${rows * 256}u; j += ${fewThreads}u) {
      let q = j & 255u;
      tile[(j & ~7u) + ((q & 7u) ^ ((q >> 3u) & 7u))] = xQuad(first, j >> 8u, origin * 32u + q * 4u);
    }
    workgroupBarrier();
    ${halves.map(({ name }) => `var ${name} = vec4f(0.0);`).join(' ')}
    if (origin + lane < p.G) {
      let at = ${groupStart(dtype, 'block', '(origin + lane)')};
      ${groupHeader(dtype)}
      for (var i = 0u; i < 8u; i++) {
        let place = lane * 8u + (i ^ (lane & 7u));
        ${all.map((r) => `let x${r} = tile[${r * 256}u + place];`).join(' ')}
        ${steps}
      }
    }
    workgroupBarrier();
    ${halves.map(({ r, h, name }) => `tile[${r * 256}u + lane * 8u + panel * 2u + ${h}u] = ${name};`).join(' ')}
    workgroupBarrier();
    if (tid < ${rows * 8}u) {
      let groups = min(32u, p.G - origin);
      for (var l = 0u; l < groups; l++) { total += tile[(tid >> 3u) * 256u + l * 8u + (tid & 7u)]; }
    }
    workgroupBarrier();
  }
  ${ending.few(rows)}
}`;
}

export const tileThreads = ({ rows, threadRows }: Tile) => (rows / threadRows) * 8;

/**
 * Many rows, a matrix-matrix product: a workgroup takes a tile of rows and two blocks of features. A group of k at a time
 * goes through workgroup memory, widened to float32.
 */
export function manyRowsCode(shape: ProductShape, tile: Tile, ending: Ending): string {
  const { dtype, norm, f16 } = shape;
  const { rows, threadRows } = tile;
  const threads = tileThreads(tile);
  const rowQuads = rows / 4;
  const weightsAt = f16 ? 0 : 8 * rows;
  const weights = f16 ? 'narrow' : 'tile';
  const ownRows = range(threadRows);
  const ownQuads = range(threadRows / 4);
  const parts = ownRows.flatMap((r) => [0, 1].map((h) => ({ r, h, name: `${r}_${h}` })));
  // First halves of all panels, then second ones: neighbouring threads read neighbouring quads.
  const store = fourRows(
    dtype,
    (c) =>
      `{ let to = ${weightsAt}u + (i * 4u + ${components.indexOf(c)}u) * 16u + (j >> 5u) * 4u + panel; ${weights}[to] = w0; ${weights}[to + 8u] = w1; }`,
    f16,
  );
  const sums = ownRows.map((r) => ({
    row: `(rg * ${threadRows}u + ${r}u)`,
    halves: [`total${r}_0`, `total${r}_1`] as const,
  }));
  return /* wgsl */ `${preamble(shape, ending, threads, rows, Math.max(rows * 16, 8 * rows + (f16 ? 0 : 512)))}
${f16 ? 'var<workgroup> narrow: array<vec4h, 512>;' : ''}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) tid: u32) {
  let block = workgroup.x * 2u;
  let blocks = (p.N + 31u) / 32u;
  let first = workgroup.y * ${rows}u;
  let pc = tid & 7u;
  let rg = tid >> 3u;
  ${norm ? 'findInverses(first, tid);' : ''}
  ${parts.map(({ name }) => `var total${name} = vec4f(0.0);`).join(' ')}
  for (var g = 0u; g < p.G; g++) {
    for (var j = tid; j < ${2 * rows}u; j += ${threads}u) {
      let rows = j % ${rowQuads}u;
      let i = j / ${rowQuads}u;
      let k = g * 32u + i * 4u;
      ${range(4)
        .map((r) => `let q${r} = xQuad(first, rows * 4u + ${r}u, k);`)
        .join(' ')}
      ${components.map((c, n) => `tile[(i * 4u + ${n}u) * ${rowQuads}u + rows] = vec4f(q0.${c}, q1.${c}, q2.${c}, q3.${c});`).join(' ')}
    }
    for (var j = tid; j < 64u; j += ${threads}u) {
      let panel = (j >> 3u) & 3u;
      let i = j & 7u;
      if (block + (j >> 5u) < blocks) {
        let at = ${groupStart(dtype, '(block + (j >> 5u))', 'g')};
        ${groupHeader(dtype)}
        ${store}
      }
    }
    workgroupBarrier();
    ${parts.map(({ name }) => `var a${name} = vec4f(0.0);`).join(' ')}
    for (var k = 0u; k < 32u; k++) {
      ${ownQuads.map((q) => `let v${q} = tile[k * ${rowQuads}u + rg * ${threadRows / 4}u + ${q}u];`).join(' ')}
      let w0 = vec4f(${weights}[${weightsAt}u + k * 16u + pc]);
      let w1 = vec4f(${weights}[${weightsAt}u + k * 16u + pc + 8u]);
      ${parts.map(({ r, h, name }) => `a${name} = fma(vec4f(v${r >> 2}.${components[r & 3]}), w${h}, a${name});`).join(' ')}
    }
    ${parts.map(({ name }) => `total${name} += a${name};`).join(' ')}
    workgroupBarrier();
  }
  ${ending.many(tile, sums)}
}`;
}
