import { webGpu } from '../backends/webgpu/index.js';
import { range } from '../unroll.js';
import type { Roofs } from './measure.js';

const threads = 256;

/** Every quad of a buffer once: a workgroup reads a run of quads, its threads side by side. */
const readCode = (each: number) => /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) tid: u32) {
  let first = workgroup.x * ${threads * each}u + tid;
  var all = vec4u(0u);
  for (var i = 0u; i < ${each}u; i++) { all |= x[first + i * ${threads}u]; }
  // Never so: keeps the loads alive.
  if (all.x == 1u && all.y == 2u && all.z == 3u && all.w == 4u) { y[0] = 1u; }
}`;

const chains = range(8);

/** Independent chains of fused multiply-adds in registers, four lanes each. */
const peakCode = (iterations: number) => /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(${threads})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = vec4f(f32(id.x) * 1e-6);
  ${chains.map((i) => `var a${i} = x + ${i}.0;`).join(' ')}
  for (var n = 0u; n < ${iterations}u; n++) { ${chains.map((i) => `a${i} = fma(a${i}, vec4f(0.999), x);`).join(' ')} }
  let all = ${chains.map((i) => `a${i}`).join(' + ')};
  if (all.x == 1234.5) { y[0] = all; }
}`;

/** Median of a few device times, milliseconds, after one run that is not counted. */
export async function medianDeviceTime(run: () => void, repeats = 5): Promise<number> {
  return (await deviceTimes(run, repeats))[repeats >> 1];
}

/** Shortest first. */
async function deviceTimes(run: () => void, repeats: number): Promise<readonly number[]> {
  const backend = webGpu();
  await backend.deviceTime(run);
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) times.push(await backend.deviceTime(run));
  return times.sort((a, b) => a - b);
}

/** Measures both roofs of the device by timestamps: a buffer that no cache holds, and registers. */
export async function measureGpuRoofs(): Promise<Roofs> {
  const backend = webGpu();
  const { isSoftware } = backend;
  // What other programs take of a processor that stands for a GPU is no limit of it: there the least time counts.
  const time = async (run: () => void) => {
    const times = await deviceTimes(run, 5);
    return times[isSoftware ? 0 : 2];
  };
  const bytes = (isSoftware ? 64 : 1024) * 2 ** 20;
  const each = 16;
  const x = backend.allocate(bytes, 'the measurement of bandwidth');
  const y = backend.allocate(256, 'the measurement of roofs');
  const workgroups = bytes / 16 / threads / each;
  const iterations = isSoftware ? 64 : 4096;
  const groups = isSoftware ? 64 : 4096;
  const read = await time(() => backend.dispatch('roof read', () => readCode(each), [x, y], [workgroups]));
  const peak = await time(() => backend.dispatch('roof peak', () => peakCode(iterations), [y], [groups]));
  for (const buffer of [x, y]) backend.destroyLater(buffer);
  return { bandwidth: bytes / read / 1e6, peak: (groups * threads * iterations * chains.length * 4 * 2) / peak / 1e6 };
}
