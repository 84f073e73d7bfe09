import type * as tf from '@tensorflow/tfjs-core';
import { registerWgsl, webGpu, webGpuNames } from '../../backends/webgpu/index.js';
import { components } from '../../unroll.js';
import { packLinear, type WeightDtype } from '../linear/index.js';
import { fourRows, groupHeader, groupRows, groupStart } from '../linear/webgpu-layout.js';
import { embeddingPacker } from './index.js';
import type { EmbeddingAttributes } from './reference.js';

embeddingPacker.register(webGpuNames, (values, V, d, dtype, tiedHead) => {
  const shared = tiedHead?.tiles[0];
  if (shared) return { V, d, dtype: shared.dtype, table: shared.packed, dispose() {} };
  const { packed } = packLinear(values, V, d, null, dtype);
  return { V, d, dtype, table: packed, dispose: () => packed.dispose() };
});

/** A thread four values of a row, out of the panel that holds them and seven other tokens'. */
const code = (dtype: WeightDtype) => /* wgsl */ `
struct Uniforms { T: u32, d: u32, G: u32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Uniforms;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read> w: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) tid: u32) {
  let k = (workgroup.x * 64u + tid) * 4u;
  let t = workgroup.y;
  if (k >= p.d) { return; }
  let id = u32(ids[t]);
  let panel = (id >> 3u) & 3u;
  let lane = id & 3u;
  let i = (k & 31u) >> 2u;
  let at = ${groupStart(dtype, '(id >> 5u)', '(k >> 5u)')};
  ${groupHeader(dtype)}
  var row = vec4f(0.0);
  ${fourRows(dtype, (c) => `row.${c} = select(w0, w1, (id & 4u) != 0u)[lane];`)}
  ${components.map((c, j) => `if (k + ${j}u < p.d) { y[t * p.d + k + ${j}u] = row.${c} * p.scale; }`).join('\n  ')}
}`;

registerWgsl<{ table: tf.Tensor }, EmbeddingAttributes>('AttsEmbedding', ({ table }, { ids, scale, d, dtype }) => {
  const backend = webGpu();
  const T = ids.length;
  const y = backend.output([T, d]);
  backend.dispatch(
    `embedding ${dtype}`,
    () => code(dtype),
    [
      backend.uniform([T, d, Math.ceil(d / groupRows), 0], { 3: scale }),
      backend.upload(ids, () => ids),
      backend.buffer(table),
      y.buffer,
    ],
    [Math.ceil(d / 256), T],
  );
  return y.info;
});
