import type * as tf from '@tensorflow/tfjs-core';
import { registerWgsl, webGpu } from '../../backends/webgpu/index.js';
import { enableLanes, joining, sum } from '../../backends/webgpu/lanes.js';
import type { RmsNormInputs } from './reference.js';

/** A workgroup a group of values: 64 sums, added as a tree. */
const code = (lanes: number) => /* wgsl */ `
${enableLanes(lanes)}
struct Uniforms { width: u32, groups: u32, epsilon: f32 }
@group(0) @binding(0) var<uniform> p: Uniforms;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> gain: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
${joining('sumOf', sum, { width: 64, threads: 64, lanes })}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) tid: u32) {
  let group = workgroup.y * 32768u + workgroup.x;
  if (group >= p.groups) { return; }
  let origin = group * p.width;
  var sum = 0.0;
  for (var k = tid; k < p.width; k += 64u) { sum = fma(x[origin + k], x[origin + k], sum); }
  let inverse = inverseSqrt(sumOf(sum, tid) / f32(p.width) + p.epsilon);
  for (var k = tid; k < p.width; k += 64u) { y[origin + k] = x[origin + k] * inverse * gain[k]; }
}`;

registerWgsl<RmsNormInputs, { epsilon: number }>('AttsRmsNorm', ({ x, weight }, { epsilon }) => {
  const backend = webGpu();
  const width = weight.shape[0] as number;
  const groups = (x as tf.Tensor).size / width;
  const y = backend.output(x.shape);
  backend.dispatch(
    `rmsNorm ${backend.lanes}`,
    () => code(backend.lanes),
    [backend.uniform([width, groups, 0], { 2: epsilon }), backend.buffer(x), backend.buffer(weight), y.buffer],
    [Math.min(groups, 32_768), Math.ceil(groups / 32_768)],
  );
  return y.info;
});
