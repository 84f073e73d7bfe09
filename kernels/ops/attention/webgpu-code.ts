/**
 * Attention in WGSL: online softmax over tiles of 32 positions (Milakov & Gimelshein 2018, arXiv 1805.02867; Dao et al.
 * 2022, arXiv 2205.14135), the tiles of 256 positions a split (Dao et al. 2023, "Flash-Decoding"). Tiles and splits begin
 * at fixed positions of a sequence and are joined in their order, whether one workgroup does them all or each has its own,
 * so that a row has the same bits in any pass.
 */

import { enableLanes, exchange, largest } from '../../backends/webgpu/lanes.js';
import { range } from '../../unroll.js';
import type { CacheDtype } from './cache.js';
import { quadTypes, widenedQuad } from './webgpu-cache.js';

export interface AttentionShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly pageSize: number;
  readonly dtype: CacheDtype;
  /** Query heads of one group that a workgroup takes. */
  readonly together: number;
  /** Rows of a sequence that it takes at most. */
  readonly blockRows: number;
  /** Neighbouring threads that exchange values. */
  readonly lanes: number;
}

const tilePositions = 32;
const splitTiles = 8;
export const splitPositions = tilePositions * splitTiles;

const threads = 128;

const uniforms = 'struct Uniforms { T: u32, pages: u32, window: u32, scale: f32, each: u32, splits: u32 }';

/** Two softmax states one after the other: (largest score, sum of exponentials from it), and weights of both. */
const joining = /* wgsl */ `
struct Joined { largest: f32, sum: f32, a: f32, b: f32 }
fn join(largest: f32, sum: f32, nextLargest: f32, nextSum: f32) -> Joined {
  let all = max(largest, nextLargest);
  let a = exp(largest - all);
  let b = exp(nextLargest - all);
  return Joined(all, fma(nextSum, b, sum * a), a, b);
}`;

/**
 * A workgroup takes a block of rows, some heads of one kv head, and a split of the positions (or all, one after another).
 * A tile: scores by (query, position), then their exponentials, then the outputs by (query, four dimensions).
 */
export function attentionCode(shape: AttentionShape, isSplit: boolean): string {
  const { heads, kvHeads, headDim, pageSize, dtype, together, blockRows, lanes } = shape;
  const quads = headDim / 4;
  const queries = together * blockRows;
  // Largest scores of a query's tile that are found apart: by the threads of a subgroup each, or of every eighth position.
  const parts = lanes > 1 ? tilePositions / lanes : 8;
  const outputs = range(Math.ceil((queries * quads) / threads));
  const scores = range(Math.ceil((queries * tilePositions) / threads));
  const each = (items: number[], body: (i: number) => string) => items.map(body).join('\n');
  return /* wgsl */ `
${enableLanes(lanes)}
${uniforms}
@group(0) @binding(0) var<uniform> p: Uniforms;
@group(0) @binding(1) var<storage, read> integers: array<i32>; // positions, slots, tables, pages
@group(0) @binding(2) var<storage, read> blocks: array<i32>;
@group(0) @binding(3) var<storage, read> q: array<vec4f>;
@group(0) @binding(4) var<storage, read> cache: array<${quadTypes[dtype]}>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;
${isSplit ? '@group(0) @binding(6) var<storage, read_write> weights: array<vec2f>;' : ''}
var<workgroup> query: array<vec4f, ${queries * quads}>;
var<workgroup> score: array<f32, ${queries * tilePositions}>;
var<workgroup> apart: array<f32, ${queries * parts}>;
var<workgroup> largest: array<f32, ${queries}>;
var<workgroup> shrink: array<f32, ${queries}>;
var<workgroup> keyAt: array<u32, ${tilePositions}>;
var<workgroup> valueAt: array<u32, ${tilePositions}>;
${joining}
${widenedQuad[dtype]}
// Positions [x, y) of the tile from \`from\` on that a row at \`position\` sees, from 0 to 32.
fn seen(position: u32, origin: u32) -> vec2u {
  let end = position + 1u;
  let begin = select(0u, end - min(end, p.window), p.window > 0u);
  return vec2u(min(${tilePositions}u, max(begin, origin) - origin), min(${tilePositions}u, max(end, origin) - origin));
}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) tid: u32) {
  let first = u32(blocks[workgroup.x]);
  let rows = u32(blocks[workgroup.x + 1u]) - first;
  let head = workgroup.y * ${together}u;
  let kvHead = head / ${heads / kvHeads}u;
  let table = 3u * p.T + u32(integers[2u * p.T + first]);
  let start = u32(integers[first]); // rows follow each other
  let end = start + rows;
  let begin = select(0u, start + 1u - min(start + 1u, p.window), p.window > 0u);
  let count = rows * ${together}u;
  for (var e = tid; e < count * ${quads}u; e += ${threads}u) {
    let i = e / ${quads}u;
    query[e] = q[((first + i / ${together}u) * ${heads}u + head + i % ${together}u) * ${quads}u + e % ${quads}u];
  }
  ${each(outputs, (i) => `let e${i} = tid + ${i * threads}u; let i${i} = e${i} / ${quads}u; let d${i} = e${i} % ${quads}u; var all${i} = vec4f(0.0); var allLargest${i} = -3.0e38; var allSum${i} = 0.0;`)}
  let firstSplit = max(workgroup.z, select(begin / ${splitPositions}u, 0u, ${isSplit}));
  for (var split = firstSplit; split < workgroup.z + p.each && split * ${splitPositions}u < end; split++) {
    ${each(outputs, (i) => `var o${i} = vec4f(0.0); var sum${i} = 0.0;`)}
    if (tid < ${queries}u) { largest[tid] = -3.0e38; }
    for (var tile = 0u; tile < ${splitTiles}u; tile++) {
      let origin = split * ${splitPositions}u + tile * ${tilePositions}u;
      if (origin >= end) { break; }
      if (origin + ${tilePositions}u <= begin) { continue; }
      if (tid < ${tilePositions}u && origin + tid < end) {
        let position = origin + tid;
        let page = u32(integers[table + position / ${pageSize}u]) * ${kvHeads}u + kvHead;
        let slot = position % ${pageSize}u;
        keyAt[tid] = page * ${quads * pageSize}u + slot;
        valueAt[tid] = (p.pages * ${kvHeads}u + page) * ${quads * pageSize}u + slot * ${quads}u;
      }
      workgroupBarrier();
      ${each(
        scores,
        (i) => /* wgsl */ `
      let n${i} = (tid + ${i * threads}u) / ${tilePositions}u;
      let lane${i} = (tid + ${i * threads}u) % ${tilePositions}u;
      let seen${i} = seen(start + n${i} / ${together}u, origin);
      let isSeen${i} = n${i} < count && lane${i} >= seen${i}.x && lane${i} < seen${i}.y;
      var s${i} = 0.0;
      if (isSeen${i}) {
        let at = keyAt[lane${i}];
        for (var d = 0u; d < ${quads}u; d++) {
          let k = widened(cache[at + d * ${pageSize}u]);
          let v = query[n${i} * ${quads}u + d];
          s${i} = fma(k.x, v.x, s${i}); s${i} = fma(k.y, v.y, s${i}); s${i} = fma(k.z, v.z, s${i}); s${i} = fma(k.w, v.w, s${i});
        }
        s${i} = s${i} * p.scale;
      }
      ${
        lanes > 1
          ? `var own${i} = select(-3.0e38, s${i}, isSeen${i});
      ${exchange(`own${i}`, largest, lanes)}
      if (n${i} < ${queries}u && lane${i} % ${lanes}u == 0u) { apart[n${i} * ${parts}u + lane${i} / ${lanes}u] = own${i}; }`
          : `if (n${i} < ${queries}u) { score[tid + ${i * threads}u] = select(-3.0e38, s${i}, isSeen${i}); }`
      }`,
      )}
      workgroupBarrier();
      ${
        lanes > 1
          ? ''
          : /* wgsl */ `
      for (var e = tid; e < count * 8u; e += ${threads}u) {
        var most = -3.0e38;
        for (var l = e & 7u; l < ${tilePositions}u; l += 8u) { most = max(most, score[(e >> 3u) * ${tilePositions}u + l]); }
        apart[e] = most;
      }
      workgroupBarrier();`
      }
      ${each(
        scores,
        (i) => /* wgsl */ `
      var most${i} = -3.0e38;
      var before${i} = -3.0e38;
      if (n${i} < count) {
        before${i} = largest[n${i}];
        most${i} = before${i};
        for (var l = 0u; l < ${parts}u; l++) { most${i} = max(most${i}, apart[n${i} * ${parts}u + l]); }
      }`,
      )}
      workgroupBarrier();
      ${each(
        scores,
        (i) => /* wgsl */ `
      if (isSeen${i}) { score[tid + ${i * threads}u] = exp(s${i} - most${i}); }
      if (lane${i} == 0u && n${i} < count) { largest[n${i}] = most${i}; shrink[n${i}] = exp(before${i} - most${i}); }`,
      )}
      workgroupBarrier();
      ${each(
        outputs,
        (i) => /* wgsl */ `
      if (i${i} < count) {
        let range = seen(start + i${i} / ${together}u, origin);
        if (range.x < range.y) {
          let less = shrink[i${i}];
          sum${i} *= less;
          o${i} *= less;
          for (var l = range.x; l < range.y; l++) {
            let weight = score[i${i} * ${tilePositions}u + l];
            sum${i} += weight;
            o${i} = fma(vec4f(weight), widened(cache[valueAt[l] + d${i}]), o${i});
          }
        }
      }`,
      )}
      workgroupBarrier();
    }
    ${each(
      outputs,
      (i) => /* wgsl */ `
    if (i${i} < count && sum${i} > 0.0) {
      let row = (first + i${i} / ${together}u) * ${heads}u + head + i${i} % ${together}u;
      ${
        isSplit
          ? `y[(row * p.splits + split) * ${quads}u + d${i}] = o${i};
      if (d${i} == 0u) { weights[row * p.splits + split] = vec2f(largest[i${i}], sum${i}); }`
          : `let both = join(allLargest${i}, allSum${i}, largest[i${i}], sum${i});
      allLargest${i} = both.largest;
      allSum${i} = both.sum;
      all${i} = fma(o${i}, vec4f(both.b), all${i} * both.a);`
      }
    }`,
    )}
    workgroupBarrier();
  }
  ${
    isSplit
      ? ''
      : each(
          outputs,
          (i) =>
            `if (i${i} < count) { y[((first + i${i} / ${together}u) * ${heads}u + head + i${i} % ${together}u) * ${quads}u + d${i}] = all${i} / allSum${i}; }`,
        )
  }
}`;
}

/** Joins the splits of a row's head, in their order: a workgroup each. */
export function joinCode(heads: number, headDim: number): string {
  const quads = headDim / 4;
  return /* wgsl */ `
${uniforms}
@group(0) @binding(0) var<uniform> p: Uniforms;
@group(0) @binding(1) var<storage, read> integers: array<i32>;
@group(0) @binding(2) var<storage, read> parts: array<vec4f>;
@group(0) @binding(3) var<storage, read> weights: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
${joining}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) tid: u32) {
  let end = u32(integers[workgroup.y]) + 1u;
  let begin = select(0u, end - min(end, p.window), p.window > 0u);
  let row = workgroup.y * ${heads}u + workgroup.x;
  for (var d = tid; d < ${quads}u; d += 64u) {
    var all = vec4f(0.0);
    var largest = -3.0e38;
    var sum = 0.0;
    for (var split = begin / ${splitPositions}u; split * ${splitPositions}u < end; split++) {
      let next = weights[row * p.splits + split];
      let both = join(largest, sum, next.x, next.y);
      largest = both.largest;
      sum = both.sum;
      all = fma(parts[(row * p.splits + split) * ${quads}u + d], vec4f(both.b), all * both.a);
    }
    y[row * ${quads}u + d] = all / sum;
  }
}`;
}
