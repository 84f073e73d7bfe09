/**
 * Values joined among neighbouring threads. Where the device has subgroups, neighbours exchange them directly; the rest
 * goes through workgroup memory. Sums are one tree of pairs, fours, eights … either way: subgroups, and their size, change
 * no bit.
 */
import { range } from '../../unroll.js';
import type { AttsWebGpuBackend } from './backend.js';

/** Threads that any program of ours lets exchange values, at most. */
const most = 32;

/** WGSL that a program of so many `lanes` begins with. */
export const enableLanes = (lanes: number) => (lanes > 1 ? 'enable subgroups;' : '');

/** WGSL statements: `name` becomes the join of those of up to `lanes` neighbours. */
export function exchange(name: string, join: (a: string, b: string) => string, lanes: number): string {
  let code = '';
  for (let step = 1; step < lanes; step *= 2)
    code += `${name} = ${join(name, `subgroupShuffleXor(${name}, ${step}u)`)}; `;
  return code;
}

export const sum = (a: string, b: string) => `(${a} + ${b})`;
export const largest = (a: string, b: string) => `max(${a}, ${b})`;

/**
 * WGSL: function `name`(own, tid), the join over every `width` neighbours of a workgroup of `threads`, to each of them.
 * All threads call it together.
 * @param type of the values
 */
export function joining(
  name: string,
  join: (a: string, b: string) => string,
  { width, threads, lanes, type = 'f32' }: { width: number; threads: number; lanes: number; type?: 'f32' | 'vec4f' },
): string {
  const step = Math.min(width, lanes);
  const tree = (from: number, count: number): string =>
    count === 1
      ? `${name}Parts[first + ${from * step}u]`
      : join(tree(from, count / 2), tree(from + count / 2, count / 2));
  const shared = /* wgsl */ `
  ${name}Parts[tid] = all;
  workgroupBarrier();
  let first = tid & ~${width - 1}u;
  all = ${tree(0, width / step)};
  workgroupBarrier();`;
  return /* wgsl */ `
${step < width ? `var<workgroup> ${name}Parts: array<${type}, ${threads}>;` : ''}
fn ${name}(own: ${type}, tid: u32) -> ${type} {
  var all = own;
  ${exchange('all', join, step)}
  ${step < width ? shared : ''}
  return all;
}`;
}

/** Bit i of each word: whether a thread's neighbour at distance 2^i is the one that its number says. */
const testCode = (lanes: number) => /* wgsl */ `
enable subgroups;
@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) tid: u32) {
  var found = 0u;
  ${range(Math.log2(lanes))
    .map((i) => `if (subgroupShuffleXor(tid, ${1 << i}u) == (tid ^ ${1 << i}u)) { found |= ${1 << i}u; }`)
    .join('\n  ')}
  y[tid] = found;
}`;

/**
 * Neighbouring threads that this device lets exchange values; 1 where it has no subgroups, or numbers their threads
 * otherwise than workgroups do, which WGSL leaves open.
 */
export async function findLanes(backend: AttsWebGpuBackend): Promise<number> {
  const lanes = Math.min(most, backend.info.subgroupMinSize ?? 1);
  if (!backend.device.features.has('subgroups') || lanes < 4) return 1;
  const found = backend.output([128], 'int32');
  backend.dispatch('lanes', () => testCode(lanes), [found.buffer], [1]);
  const [bits] = await backend.readAll([found.info]);
  backend.disposeData(found.info.dataId);
  return bits.every((each) => each === lanes - 1) ? lanes : 1;
}
