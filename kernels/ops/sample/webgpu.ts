import type * as tf from '@tensorflow/tfjs-core';
import { registerWgsl, webGpu } from '../../backends/webgpu/index.js';
import type { SampleAttributes } from './reference.js';

const threads = 256;

/** WGSL: the smallest id among the row's largest logits, to every thread. */
const largest = /* wgsl */ `
var<workgroup> values: array<f32, ${threads}>;
var<workgroup> places: array<u32, ${threads}>;
fn largestOf(origin: u32, V: u32, tid: u32) {
  var most = -3.4e38;
  var place = 0xffffffffu;
  for (var n = tid; n < V; n += ${threads}u) {
    if (x[origin + n] > most || place == 0xffffffffu) { most = x[origin + n]; place = n; }
  }
  values[tid] = most;
  places[tid] = place;
  workgroupBarrier();
  for (var step = ${threads / 2}u; step > 0u; step >>= 1u) {
    if (tid < step) {
      let other = values[tid + step];
      if (other > values[tid] || (other == values[tid] && places[tid + step] < places[tid])) {
        values[tid] = other;
        places[tid] = places[tid + step];
      }
    }
    workgroupBarrier();
  }
}`;

const argmaxCode = () => /* wgsl */ `
@group(0) @binding(0) var<uniform> p: vec4u; // V
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> ids: array<i32>;
${largest}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) tid: u32) {
  largestOf(workgroup.x * p.x, p.x, tid);
  if (tid == 0u) { ids[workgroup.x] = i32(places[0]); }
}`;

registerWgsl<{ logits: tf.Tensor }, object>('AttsArgmax', ({ logits }) => {
  const backend = webGpu();
  const [R, V] = logits.shape as [number, number];
  const ids = backend.output([R], 'int32');
  const uniforms = backend.uniform([V]);
  backend.dispatch('argmax', argmaxCode, [uniforms, backend.buffer(logits), ids.buffer], [R]);
  return ids.info;
});

/**
 * A workgroup a row. The nucleus is found without a sort: the least weight that belongs to it is searched bit by bit among
 * the bits of the weights, which order like the weights because they are not negative. Then the distribution is inverted
 * in the order of ids: sums of 256 runs of ids, and one thread walks through the run that holds the wanted mass.
 */
const sampleCode = () => /* wgsl */ `
@group(0) @binding(0) var<uniform> p: vec4u; // V, R
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> settings: array<f32>; // temperatures, top-p's, uniforms
@group(0) @binding(3) var<storage, read_write> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> ids: array<i32>;
${largest}
// Sum of the weights whose bits are at least \`bits\`, to every thread.
fn mass(origin: u32, bits: u32, tid: u32) -> f32 {
  var sum = 0.0;
  for (var n = tid; n < p.x; n += ${threads}u) {
    let weight = weights[origin + n];
    if (bitcast<u32>(weight) >= bits) { sum += weight; }
  }
  values[tid] = sum;
  workgroupBarrier();
  for (var step = ${threads / 2}u; step > 0u; step >>= 1u) {
    if (tid < step) { values[tid] += values[tid + step]; }
    workgroupBarrier();
  }
  let all = values[0];
  workgroupBarrier();
  return all;
}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) tid: u32) {
  let row = workgroup.x;
  let origin = row * p.x;
  largestOf(origin, p.x, tid);
  let most = values[0];
  let greedy = places[0];
  workgroupBarrier();
  let temperature = settings[row];
  let topP = settings[p.y + row];
  for (var n = tid; n < p.x; n += ${threads}u) {
    weights[origin + n] = exp((x[origin + n] - most) / select(temperature, 1.0, temperature == 0.0));
  }
  storageBarrier();
  var edge = 1u;
  if (topP < 1.0) {
    // The smallest bits above which less than the wanted mass lies.
    let wanted = topP * mass(origin, 0u, tid);
    var low = 0u;
    var high = 0x3f800000u;
    for (var step = 0u; step < 30u; step++) {
      let middle = (low + high) >> 1u;
      let isInside = mass(origin, middle + 1u, tid) < wanted;
      high = select(high, middle, isInside && low < high);
      low = select(min(middle + 1u, high), low, isInside || low >= high);
    }
    edge = max(1u, high);
  }
  let run = (p.x + ${threads - 1}u) / ${threads}u;
  let end = min(p.x, (tid + 1u) * run);
  var sum = 0.0;
  for (var n = tid * run; n < end; n++) {
    let weight = weights[origin + n];
    if (bitcast<u32>(weight) >= edge) { sum += weight; }
  }
  values[tid] = sum;
  workgroupBarrier();
  if (tid > 0u) { return; }
  if (temperature == 0.0) { ids[row] = i32(greedy); return; }
  var total = 0.0;
  for (var t = 0u; t < ${threads}u; t++) { total += values[t]; }
  let wanted = total * settings[2u * p.y + row];
  var passed = 0.0;
  var chosenRun = 0u;
  var before = 0.0;
  for (var t = 0u; t < ${threads}u; t++) {
    if (values[t] > 0.0) {
      chosenRun = t;
      before = passed;
      passed += values[t];
      if (passed > wanted) { break; }
    }
  }
  var cumulative = before;
  var chosen = greedy;
  for (var n = chosenRun * run; n < min(p.x, (chosenRun + 1u) * run); n++) {
    let weight = weights[origin + n];
    if (bitcast<u32>(weight) >= edge) {
      cumulative += weight;
      chosen = n;
      if (cumulative > wanted) { break; }
    }
  }
  ids[row] = i32(chosen);
}`;

registerWgsl<{ logits: tf.Tensor }, SampleAttributes>('AttsSample', ({ logits }, attributes) => {
  const backend = webGpu();
  const { temperatures, topPs, uniforms } = attributes;
  const [R, V] = logits.shape as [number, number];
  const ids = backend.output([R], 'int32');
  const weights = backend.scratch(R * V * 4);
  const settings = backend.upload(uniforms, () => Float32Array.from([...temperatures, ...topPs, ...uniforms]));
  backend.dispatch(
    'sample',
    sampleCode,
    [backend.uniform([V, R]), backend.buffer(logits), settings, weights, ids.buffer],
    [R],
  );
  backend.release(weights);
  return ids.info;
});
