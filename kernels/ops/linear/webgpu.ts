import * as tf from '@tensorflow/tfjs-core';
import { registerWgsl, webGpu, webGpuNames } from '../../backends/webgpu/index.js';
import { components } from '../../unroll.js';
import { linearPacker, type WeightDtype } from './index.js';
import type { LinearAttributes, LinearInputs } from './reference.js';
import type { ProductShape } from './webgpu-activations.js';
import { blockFeatures, gpuBytes, groupRows, packForGpu } from './webgpu-layout.js';
import { type Ending, fewRowsCode, manyRowsCode, productKey, type Tile } from './webgpu-product.js';

linearPacker.register(webGpuNames, (parts, N, K, dtype) =>
  tf
    .engine()
    .makeTensorFromTensorInfo(webGpu().weights(gpuBytes(N, K, dtype), (out) => packForGpu(parts, K, dtype, out))),
);

/** What is best on a device, of programs that give the same bits. */
export interface Tuning {
  /** Rows up to which the matrix-vector program is taken. */
  readonly mostFewRows: number;
  /** Of the matrix-matrix program, where there are more than 32 rows: one of `tiles`. */
  readonly tile: number;
}

/** Tiles to choose from, 64 rows where they fit in workgroup memory. */
export const tiles: readonly Tile[] = [
  { rows: 16, threadRows: 4 },
  { rows: 64, threadRows: 4 },
  { rows: 64, threadRows: 8 },
];

/** In force; webgpu-tune.ts finds it out. */
export let tuning: Tuning = { mostFewRows: 8, tile: 2 };

export function setTuning(found: Tuning): void {
  tuning = found;
}

export interface Product {
  readonly x: tf.TensorInfo;
  readonly weight: tf.TensorInfo;
  readonly norm?: tf.TensorInfo;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly dtype: WeightDtype;
  readonly epsilon: number;
}

/** Records the product with an ending, whose buffers follow the product's own. */
export function runProduct(
  product: Product,
  ending: Ending,
  buffers: readonly (GPUBuffer | undefined)[],
  { mostFewRows, tile }: Tuning = tuning,
): void {
  const backend = webGpu();
  const { x, weight, norm, M, N, K, dtype, epsilon } = product;
  const f16 = dtype === 'f16' && backend.f16;
  const shape: ProductShape = { dtype, K, norm: norm !== undefined, f16, lanes: backend.lanes };
  const uniforms = backend.uniform([M, N, K, Math.ceil(K / groupRows), 0], { 4: epsilon });
  const bound = [uniforms, backend.buffer(x), backend.buffer(weight)];
  if (norm) bound.push(backend.buffer(norm));
  const key = productKey(shape, ending);
  const blocks = Math.ceil(N / blockFeatures);
  if (M <= mostFewRows) {
    const rows = fewRows(M);
    const code = () => fewRowsCode(shape, rows, ending);
    backend.dispatch(`${key} few ${rows}`, code, [...bound, ...buffers], [blocks, Math.ceil(M / rows)]);
  } else {
    const chosen = manyRows(M, tiles[tile]);
    const code = () => manyRowsCode(shape, chosen, ending);
    const name = `${key} many ${Object.values(chosen)}`;
    backend.dispatch(name, code, [...bound, ...buffers], [Math.ceil(blocks / 2), Math.ceil(M / chosen.rows)]);
  }
}

/** Half of this, the least that WebGPU promises, holds two rows of a matrix-vector tile, or 16 of the other. */
export const isRoomy = () => webGpu().device.limits.maxComputeWorkgroupStorageSize >= 32_768;

function fewRows(M: number): number {
  if (M === 1) return 1;
  return M === 2 || !isRoomy() ? 2 : 4;
}

function manyRows(M: number, tile: Tile): Tile {
  return M <= 32 || !isRoomy() ? tiles[0] : tile;
}

/** y = sums (+ bias) (+ residual). */
export function linearEnding(hasBias: boolean, hasResidual: boolean): Ending {
  const store = (row: string, feature: string, sums: string) => `store(${row}, ${feature}, ${sums});`;
  return {
    key: `linear${hasBias ? ' bias' : ''}${hasResidual ? ' residual' : ''}`,
    declare: (binding) => /* wgsl */ `
@group(0) @binding(${binding}) var<storage, read_write> y: array<f32>;
${hasBias ? `@group(0) @binding(${binding + 1}) var<storage, read> bias: array<f32>;` : ''}
${hasResidual ? `@group(0) @binding(${binding + (hasBias ? 2 : 1)}) var<storage, read> residual: array<f32>;` : ''}
fn store(m: u32, n: u32, sums: vec4f) {
  if (m >= p.M) { return; }
  let at = m * p.N + n;
  ${components
    .map((c, j) => {
      const value = `sums.${c}${hasBias ? ` + bias[n + ${j}u]` : ''}`;
      return `if (n + ${j}u < p.N) { y[at + ${j}u] = ${hasResidual ? `residual[at + ${j}u] + (${value})` : value}; }`;
    })
    .join('\n  ')}
}`,
    few: (rows) =>
      `if (tid < ${rows * 8}u) { ${store('first + (tid >> 3u)', 'block * 32u + (tid & 7u) * 4u', 'total')} }`,
    many: (_, sums) =>
      sums
        .flatMap(({ row, halves }) =>
          halves.map((half, h) => store(`first + ${row}`, `block * 32u + pc * 8u + ${h * 4}u`, half)),
        )
        .join('\n'),
  };
}

registerWgsl<LinearInputs, LinearAttributes>('AttsLinear', ({ x, weight, bias, residual, norm }, attributes) => {
  const backend = webGpu();
  const { N, K, dtype, epsilon } = attributes;
  const M = x.shape[0] as number;
  const y = backend.output([M, N]);
  runProduct({ x, weight, norm, M, N, K, dtype, epsilon }, linearEnding(bias !== undefined, residual !== undefined), [
    y.buffer,
    backend.bufferOrNone(bias),
    backend.bufferOrNone(residual),
  ]);
  return y.info;
});
