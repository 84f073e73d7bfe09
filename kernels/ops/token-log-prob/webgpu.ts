import { registerWgsl, webGpu, webGpuNames } from '../../backends/webgpu/index.js';
import { enableLanes, joining, largest, sum } from '../../backends/webgpu/lanes.js';
import { packLinear } from '../linear/index.js';
import { runProduct } from '../linear/webgpu.js';
import { blockFeatures } from '../linear/webgpu-layout.js';
import { type Ending, tileThreads } from '../linear/webgpu-product.js';
import { headPacker } from './index.js';
import type { TokenLogProbAttributes, TokenLogProbInputs } from './reference.js';

// A workgroup cuts the vocabulary itself.
headPacker.register(webGpuNames, (values, V, d, dtype) => [packLinear(values, V, d, null, dtype)]);

/** Of every row and block of 32 tokens the largest logit and the sum of exponentials from it, and the asked token's logit. */
const summing: Ending = {
  key: 'tokenLogProb',
  declare: (binding) => /* wgsl */ `
@group(0) @binding(${binding}) var<storage, read> ids: array<i32>;
@group(0) @binding(${binding + 1}) var<storage, read_write> sums: array<vec2f>;
@group(0) @binding(${binding + 2}) var<storage, read_write> asked: array<f32>;
// The block's logits of row m lie in the tile from quad \`at\` on; beyond the vocabulary they count nothing.
fn logitQuad(at: u32, origin: u32, c: u32) -> vec4f {
  let left = p.N - min(p.N, origin + c * 4u);
  return select(vec4f(-3.0e38), tile[at + c], vec4u(0u, 1u, 2u, 3u) < vec4u(left));
}
fn sumUp(m: u32, block: u32, at: u32) {
  let origin = block * 32u;
  if (m >= p.M || origin >= p.N) { return; }
  var most = vec4f(-3.0e38);
  for (var c = 0u; c < 8u; c++) { most = max(most, logitQuad(at, origin, c)); }
  let largest = max(max(most.x, most.y), max(most.z, most.w));
  var sum = 0.0;
  for (var c = 0u; c < 8u; c++) {
    let e = exp(logitQuad(at, origin, c) - largest);
    sum += e.x; sum += e.y; sum += e.z; sum += e.w;
  }
  sums[m * ((p.N + 31u) / 32u) + block] = vec2f(largest, sum);
  let id = u32(ids[m]);
  if (id >= origin && id < origin + 32u) { asked[m] = tile[at + ((id - origin) >> 2u)][(id - origin) & 3u]; }
}`,
  few: (rows) => /* wgsl */ `
  if (tid < ${rows * 8}u) { tile[tid] = total; }
  workgroupBarrier();
  if (tid < ${rows}u) { sumUp(first + tid, block, tid * 8u); }`,
  many: (tile, sums) => /* wgsl */ `
  ${sums.flatMap(({ row, halves }) => halves.map((half, h) => `tile[${row} * 16u + pc * 2u + ${h}u] = ${half};`)).join(' ')}
  workgroupBarrier();
  for (var j = tid; j < ${2 * tile.rows}u; j += ${tileThreads(tile)}u) {
    sumUp(first + j % ${tile.rows}u, block + j / ${tile.rows}u, (j % ${tile.rows}u) * 16u + (j / ${tile.rows}u) * 8u);
  }`,
};

const joinThreads = 64;

/** A workgroup a row: each thread joins every 64th block in order, then the threads are joined. */
const joinCode = (lanes: number) => /* wgsl */ `
${enableLanes(lanes)}
@group(0) @binding(0) var<uniform> p: vec4u; // blocks
@group(0) @binding(1) var<storage, read> sums: array<vec2f>;
@group(0) @binding(2) var<storage, read> asked: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
${joining('sumOf', sum, { width: joinThreads, threads: joinThreads, lanes })}
${joining('largestOf', largest, { width: joinThreads, threads: joinThreads, lanes })}
fn joined(a: vec2f, b: vec2f) -> vec2f {
  let largest = max(a.x, b.x);
  return vec2f(largest, fma(a.y, exp(a.x - largest), b.y * exp(b.x - largest)));
}
@compute @workgroup_size(${joinThreads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) tid: u32) {
  let m = workgroup.x;
  var all = vec2f(-3.0e38, 0.0);
  for (var b = tid; b < p.x; b += ${joinThreads}u) { all = joined(all, sums[m * p.x + b]); }
  let most = largestOf(all.x, tid);
  let whole = sumOf(all.y * exp(all.x - most), tid);
  if (tid == 0u) { y[m] = asked[m] - (most + log(whole)); }
}`;

registerWgsl<TokenLogProbInputs, TokenLogProbAttributes>('AttsTokenLogProb', (inputs, { ids, V, d, dtype }) => {
  const backend = webGpu();
  const { hidden, tile0: head } = inputs;
  const T = ids.length;
  const blocks = Math.ceil(V / blockFeatures);
  const partial = backend.scratch(T * blocks * 8);
  const asked = backend.scratch(T * 4);
  const asking = backend.upload(ids, () => ids);
  runProduct({ x: hidden, weight: head, M: T, N: V, K: d, dtype, epsilon: 0 }, summing, [asking, partial, asked]);
  const y = backend.output([T]);
  const { lanes } = backend;
  backend.dispatch(
    `tokenLogProb join ${lanes}`,
    () => joinCode(lanes),
    [backend.uniform([blocks]), partial, asked, y.buffer],
    [T],
  );
  backend.release(partial);
  backend.release(asked);
  return y.info;
});
