import { registerWgsl, webGpu } from '../../backends/webgpu/index.js';
import { enableLanes, joining, sum } from '../../backends/webgpu/lanes.js';
import type { CacheDtype } from '../attention/cache.js';
import { uploadRows } from '../attention/webgpu.js';
import { layerBuffer } from '../attention/webgpu-cache.js';
import type { RopeAppendAttributes, RopeAppendInputs, RopeInputs } from './reference.js';

/** WGSL: value i of a head that lies from `at` on in x, rotated by row t's angles, with `inverse · gain` before. */
const rotated = (headDim: number) => /* wgsl */ `
fn rotated(i: u32, own: f32, other: f32, t: u32) -> f32 {
  let angle = t * ${headDim / 2}u + i % ${headDim / 2}u;
  return fma(own, cosine[angle], select(other, -other, i < ${headDim / 2}u) * sine[angle]);
}`;

const ropeCode = (headDim: number) => /* wgsl */ `
@group(0) @binding(0) var<uniform> p: vec4u; // width
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> cosine: array<f32>;
@group(0) @binding(3) var<storage, read> sine: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
${rotated(headDim)}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= p.x) { return; }
  let i = id.x % ${headDim}u;
  let at = id.y * p.x + id.x;
  let other = select(at + ${headDim / 2}u, at - ${headDim / 2}u, i >= ${headDim / 2}u);
  y[at] = rotated(i, x[at], x[other], id.y);
}`;

registerWgsl<RopeInputs, { headDim: number }>('AttsRope', ({ x, cos, sin }, { headDim }) => {
  const backend = webGpu();
  const [T, width] = x.shape as [number, number];
  const y = backend.output([T, width]);
  backend.dispatch(
    `rope ${headDim}`,
    () => ropeCode(headDim),
    [backend.uniform([width]), ...[x, cos, sin].map((each) => backend.buffer(each)), y.buffer],
    [Math.ceil(width / 64), T],
  );
  return y.info;
});

/** WGSL: two values as bfloat16, to the nearest, ties to even. */
const rounding = /* wgsl */ `
fn rounded(low: f32, high: f32) -> u32 {
  let bits = vec2u(bitcast<u32>(low), bitcast<u32>(high));
  let upper = (bits + 0x7fffu + ((bits >> vec2u(16u)) & vec2u(1u))) >> vec2u(16u);
  return upper.x | (upper.y << 16u);
}`;

interface AppendShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly pageSize: number;
  readonly dtype: CacheDtype;
  readonly qNorm: boolean;
  readonly kNorm: boolean;
  readonly lanes: number;
}

/** A workgroup a row and head: of the queries to q, of keys and values to the cache. */
function appendCode({ heads, kvHeads, headDim, pageSize, dtype, qNorm, kNorm, lanes }: AppendShape): string {
  const norms = [...(qNorm ? ['qGain'] : []), ...(kNorm ? ['kGain'] : [])];
  // Of bfloat16 two make a word, and one thread writes both.
  const each = dtype === 'f32' ? 1 : 2;
  const store = (to: string, value: (i: string) => string) =>
    dtype === 'f32'
      ? `cache[${to}] = ${value('i')};`
      : `cache[(${to}) / 2u] = rounded(${value('i')}, ${value('i + 1u')});`;
  const turned = (i: string, name: string) =>
    `let value${name} = rotated(${i}, x[${i}], x[select(${i} + ${headDim / 2}u, ${i} - ${headDim / 2}u, ${i} >= ${headDim / 2}u)], t);`;
  const gain = (isNormed: boolean, name: string) => (isNormed ? `x[i] * inverse * ${name}[i]` : 'x[i]');
  return /* wgsl */ `
${enableLanes(lanes)}
struct Uniforms { T: u32, pages: u32, epsilon: f32 }
@group(0) @binding(0) var<uniform> p: Uniforms;
@group(0) @binding(1) var<storage, read> integers: array<i32>; // positions, slots, tables, pages
@group(0) @binding(2) var<storage, read> qkv: array<f32>;
@group(0) @binding(3) var<storage, read> cosine: array<f32>;
@group(0) @binding(4) var<storage, read> sine: array<f32>;
@group(0) @binding(5) var<storage, read_write> q: array<f32>;
@group(0) @binding(6) var<storage, read_write> cache: array<${dtype === 'f32' ? 'f32' : 'u32'}>;
${norms.map((name, i) => `@group(0) @binding(${7 + i}) var<storage, read> ${name}: array<f32>;`).join('\n')}
var<workgroup> x: array<f32, ${headDim}>;
${norms.length > 0 ? joining('sumOf', sum, { width: 64, threads: 64, lanes }) : ''}
${rotated(headDim)}
${dtype === 'bf16' ? rounding : ''}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) tid: u32) {
  let head = workgroup.x;
  let t = workgroup.y;
  let origin = (t * ${heads + 2 * kvHeads}u + head) * ${headDim}u;
  var sum = 0.0;
  for (var i = tid; i < ${headDim}u; i += 64u) {
    let value = qkv[origin + i];
    x[i] = value;
    sum = fma(value, value, sum);
  }
  workgroupBarrier();
  let isQuery = head < ${heads}u;
  let isValue = head >= ${heads + kvHeads}u;
  ${
    norms.length > 0
      ? /* wgsl */ `
  let inverse = inverseSqrt(sumOf(sum, tid) / ${headDim}.0 + p.epsilon);
  if (!isValue) {
    for (var i = tid; i < ${headDim}u; i += 64u) {
      x[i] = ${
        qNorm && kNorm
          ? `x[i] * inverse * select(kGain[i], qGain[i], isQuery)`
          : `select(${gain(kNorm, 'kGain')}, ${gain(qNorm, 'qGain')}, isQuery)`
      };
    }
  }
  workgroupBarrier();`
      : ''
  }
  let kvHead = (head - ${heads}u) % ${kvHeads}u;
  let slot = u32(integers[p.T + t]);
  let page = (slot / ${pageSize}u * ${kvHeads}u + kvHead) * ${pageSize * headDim}u;
  let inPage = slot % ${pageSize}u;
  let values = p.pages * ${kvHeads * pageSize * headDim}u + page + inPage * ${headDim}u;
  for (var i = ${each}u * tid; i < ${headDim}u; i += ${64 * each}u) {
    if (isValue) {
      ${store('values + i', (i) => `x[${i}]`)}
    } else {
      ${turned('i', '')}
      ${each === 2 ? turned('i + 1u', 'Next') : ''}
      if (isQuery) {
        let to = (t * ${heads}u + head) * ${headDim}u + i;
        q[to] = value;
        ${each === 2 ? 'q[to + 1u] = valueNext;' : ''}
      } else {
        ${store(`page + ((i >> 2u) * ${pageSize}u + inPage) * 4u + (i & 3u)`, (i) => (i === 'i' ? 'value' : 'valueNext'))}
      }
    }
  }
}`;
}

registerWgsl<RopeAppendInputs, RopeAppendAttributes>('AttsRopeAppend', (inputs, attributes) => {
  const backend = webGpu();
  const { qkv, cos, sin, qNorm, kNorm } = inputs;
  const { cache, layer, rows, heads, epsilon } = attributes;
  const { kvHeads, headDim, pageSize, pages, dtype } = cache.shape;
  const T = qkv.shape[0] as number;
  const norms = { qNorm: qNorm !== undefined, kNorm: kNorm !== undefined };
  const shape = { heads, kvHeads, headDim, pageSize, dtype, ...norms, lanes: backend.lanes };
  const q = backend.output([T, heads * headDim]);
  const uniforms = backend.uniform([T, pages, 0, 0], { 2: epsilon });
  backend.dispatch(
    `ropeAppend ${Object.values(shape).join(' ')}`,
    () => appendCode(shape),
    [
      ...[uniforms, uploadRows(rows), ...[qkv, cos, sin].map((each) => backend.buffer(each))],
      ...[q.buffer, layerBuffer(cache, layer), backend.bufferOrNone(qNorm), backend.bufferOrNone(kNorm)],
    ],
    [heads + 2 * kvHeads, T],
  );
  return q.info;
});
