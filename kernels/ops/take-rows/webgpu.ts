import type * as tf from '@tensorflow/tfjs-core';
import { registerWgsl, webGpu } from '../../backends/webgpu/index.js';
import type { TakeRowsAttributes } from './reference.js';

const code = () => /* wgsl */ `
@group(0) @binding(0) var<uniform> p: vec4u; // d
@group(0) @binding(1) var<storage, read> rows: array<i32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < p.x) { y[id.y * p.x + id.x] = x[u32(rows[id.y]) * p.x + id.x]; }
}`;

registerWgsl<{ x: tf.Tensor }, TakeRowsAttributes>('AttsTakeRows', ({ x }, { rows }) => {
  const backend = webGpu();
  const d = x.shape[1] as number;
  const y = backend.output([rows.length, d]);
  backend.dispatch(
    'takeRows',
    code,
    [backend.uniform([d]), backend.upload(rows, () => rows), backend.buffer(x), y.buffer],
    [Math.ceil(d / 64), rows.length],
  );
  return y.info;
});
