/**
 * The product x[M, K] · Wᵀ in WGSL, for whoever wants its outputs: linear, gatedMlp and tokenLogProb give it an ending.
 *
 * There are two programs, for few rows and for many, and an output has the same bits from both, at any tile size: the sum
 * of its groups of 32 k in their order, each the chain of fused multiply-adds of its k in their order. Where they are
 * float16, chains have `chainRows` k, and a group is the float32 sum of its chains in order. No output's sum is shared by
 * threads of a subgroup; a row's norm and a group's largest activation are (lanes.ts), to the same bits at any size of it.
 */
import { components, range } from '../../unroll.js';
import { activationsCode, enabling, type ProductShape, preparing, shapeKey } from './webgpu-activations.js';
import { chainRows, fourRows, groupHeader, groupStart } from './webgpu-layout.js';

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

const productUniforms = 'struct Uniforms { M: u32, N: u32, K: u32, G: u32, epsilon: f32 }';

const fewThreads = 128;

export function productKey(shape: ProductShape, ending: Ending): string {
  return `${ending.key} ${shapeKey(shape)}`;
}

/** Bindings: 0 uniforms, 1 x, 2 w, 3 norm (where there is one), then the ending's. */
function preamble(shape: ProductShape, ending: Ending): string {
  const { K, norm } = shape;
  return /* wgsl */ `
${enabling(shape)}
${productUniforms}
@group(0) @binding(0) var<uniform> p: Uniforms;
@group(0) @binding(1) var<storage, read> x: array<${K % 4 === 0 ? 'vec4f' : 'f32'}>;
@group(0) @binding(2) var<storage, read> w: array<vec4u>;
${norm ? '@group(0) @binding(3) var<storage, read> gain: array<f32>;' : ''}
${ending.declare(norm ? 4 : 3)}`;
}

/** Row r of a thread's own, and half h of its panel: of a group it has the float32 sum a, and the float16 chain h. */
interface Sum {
  readonly r: number;
  readonly h: number;
}

const sumsOf = (rows: number): Sum[] => range(rows).flatMap((r) => [0, 1].map((h) => ({ r, h })));
const each = (sums: readonly Sum[], code: (name: string, sum: Sum) => string) =>
  sums.map((sum) => code(`${sum.r}_${sum.h}`, sum)).join(' ');

/** WGSL: adds w0 and w1 times their rows' x. */
function multiplyAdds(sums: readonly Sum[], f16: boolean, x: (r: number) => string): string {
  const [chain, type] = f16 ? ['h', 'vec4h'] : ['a', 'vec4f'];
  return each(sums, (name, { r, h }) => `${chain}${name} = fma(${type}(${x(r)}), w${h}, ${chain}${name});`);
}

/** WGSL: a loop of a variable over a group, `step` k at a time, by chains where they are float16. */
function overGroup(sums: readonly Sum[], f16: boolean, variable: string, step: number, body: string): string {
  const loop = (start: string, end: string) =>
    `for (var ${variable} = ${start}; ${variable} < ${end}; ${variable}++) { ${body} }`;
  if (!f16) return loop('0u', `${32 / step}u`);
  return /* wgsl */ `
    for (var chain = 0u; chain < ${32 / chainRows}u; chain++) {
      ${each(sums, (name) => `var h${name} = vec4h(0.0);`)}
      ${loop(`chain * ${chainRows / step}u`, `(chain + 1u) * ${chainRows / step}u`)}
      ${each(sums, (name) => `a${name} += vec4f(h${name});`)}
    }`;
}

/**
 * Few rows, a matrix-vector product: a workgroup takes 32 features and all of K. Each of 4 × 32 threads has a panel of 8
 * features and every 32nd group of k; then the groups' sums are added in order.
 */
export function fewRowsCode(shape: ProductShape, rows: number, ending: Ending): string {
  const { dtype, norm, f16 } = shape;
  const sums = sumsOf(rows);
  const steps = fourRows(dtype, (c) => multiplyAdds(sums, f16, (r) => `x${r}.${c}`), f16);
  const quads = f16 ? 'narrow' : 'tile';
  const multiply = /* wgsl */ `
        let place = lane * 8u + (i ^ (lane & 7u));
        ${range(rows)
          .map((r) => `let x${r} = ${quads}[${r * 256}u + place];`)
          .join(' ')}
        ${steps}`;
  return /* wgsl */ `${preamble(shape, ending)}
var<workgroup> tile: array<vec4f, ${rows * 256}>;
${f16 ? `var<workgroup> narrow: array<vec4h, ${rows * 256}>; var<workgroup> unscale: array<f32, ${rows * 32}>;` : ''}
${activationsCode(shape, fewThreads, rows, 1)}
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
    for (var own = 0u; own < ${rows * 256}u; own += ${fewThreads}u) {
      let j = own + tid;
      let q = j & 255u;
      let x0 = xQuad(first, j >> 8u, origin * 32u + q * 4u);
      ${preparing(shape, 1)}
      ${quads}[(j & ~7u) + ((q & 7u) ^ ((q >> 3u) & 7u))] = p0;
      ${f16 ? 'if ((q & 7u) == 0u) { unscale[j >> 3u] = power(254 - e0); }' : ''}
    }
    workgroupBarrier();
    ${each(sums, (name) => `var a${name} = vec4f(0.0);`)}
    if (origin + lane < p.G) {
      let at = ${groupStart(dtype, 'block', '(origin + lane)')};
      ${groupHeader(dtype)}
      ${overGroup(sums, f16, 'i', 4, multiply)}
      ${f16 ? each(sums, (name, { r }) => `a${name} *= unscale[${r * 32}u + lane];`) : ''}
    }
    workgroupBarrier();
    ${each(sums, (name, { r, h }) => `tile[${r * 256}u + lane * 8u + panel * 2u + ${h}u] = a${name};`)}
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
 * goes through workgroup memory, four rows of a k in a quad, and four features: float16 as they are, others widened.
 */
export function manyRowsCode(shape: ProductShape, tile: Tile, ending: Ending): string {
  const { dtype, norm, f16 } = shape;
  const { rows, threadRows } = tile;
  const threads = tileThreads(tile);
  const rowQuads = rows / 4;
  const [quads, type] = f16 ? ['narrow', 'vec4h'] : ['tile', 'vec4f'];
  const weightsAt = 8 * rows;
  const inMemory = 8 * rows + 512;
  const sums = sumsOf(threadRows);
  // The rows' quads of a k are turned by the quad of its group, so that neighbours write different banks.
  const turn = (i: string) => `(${i} & ${Math.min(8, rowQuads) - 1}u)`;
  // First halves of all panels, then second ones: neighbouring threads read neighbouring quads.
  const store = fourRows(
    dtype,
    (c) =>
      `{ let to = ${weightsAt}u + (i * 4u + ${components.indexOf(c)}u) * 16u + (j >> 5u) * 4u + panel; ${quads}[to] = w0; ${quads}[to + 8u] = w1; }`,
    f16,
  );
  const multiply = /* wgsl */ `
      ${range(threadRows / 4)
        .map(
          (q) => `let v${q} = ${quads}[k * ${rowQuads}u + ((rg * ${threadRows / 4}u + ${q}u) ^ ${turn('(k >> 2u)')})];`,
        )
        .join(' ')}
      let w0 = ${quads}[${weightsAt}u + k * 16u + pc];
      let w1 = ${quads}[${weightsAt}u + k * 16u + pc + 8u];
      ${multiplyAdds(sums, f16, (r) => `v${r >> 2}.${components[r & 3]}`)}`;
  return /* wgsl */ `${preamble(shape, ending)}
var<workgroup> tile: array<vec4f, ${f16 ? rows * 16 : Math.max(rows * 16, inMemory)}>;
${f16 ? `var<workgroup> narrow: array<vec4h, ${inMemory}>; var<workgroup> unscale: array<vec4f, ${rowQuads}>;` : ''}
${activationsCode(shape, threads, rows, 4)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) tid: u32) {
  let block = workgroup.x * 2u;
  let blocks = (p.N + 31u) / 32u;
  let first = workgroup.y * ${rows}u;
  let pc = tid & 7u;
  let rg = tid >> 3u;
  ${norm ? 'findInverses(first, tid);' : ''}
  ${each(sums, (name) => `var total${name} = vec4f(0.0);`)}
  for (var g = 0u; g < p.G; g++) {
    for (var own = 0u; own < ${2 * rows}u; own += ${threads}u) {
      let rows = (own + tid) >> 3u;
      let i = tid & 7u;
      let k = g * 32u + i * 4u;
      ${range(4)
        .map((r) => `let x${r} = xQuad(first, rows * 4u + ${r}u, k);`)
        .join(' ')}
      ${preparing(shape, 4)}
      let to = i * ${4 * rowQuads}u + (rows ^ ${turn('i')});
      ${components.map((c, n) => `${quads}[to + ${n * rowQuads}u] = ${type}(p0.${c}, p1.${c}, p2.${c}, p3.${c});`).join(' ')}
      ${f16 ? 'if (i == 0u) { unscale[rows] = vec4f(power(254 - e0), power(254 - e1), power(254 - e2), power(254 - e3)); }' : ''}
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
    ${each(sums, (name) => `var a${name} = vec4f(0.0);`)}
    ${overGroup(sums, f16, 'k', 1, multiply)}
    ${
      f16
        ? range(threadRows / 4)
            .map((q) => `let u${q} = unscale[rg * ${threadRows / 4}u + ${q}u];`)
            .join(' ')
        : ''
    }
    ${each(sums, (name, { r }) => `total${name} += a${name}${f16 ? ` * u${r >> 2}.${components[r & 3]}` : ''};`)}
    workgroupBarrier();
  }
  ${ending.many(
    tile,
    range(threadRows).map((r) => ({
      row: `(rg * ${threadRows}u + ${r}u)`,
      halves: [`total${r}_0`, `total${r}_1`] as const,
    })),
  )}
}`;
}
