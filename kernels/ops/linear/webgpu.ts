import * as tf from '@tensorflow/tfjs-core';
import { registerWgsl, webGpu, webGpuNames } from '../../backends/webgpu/index.js';
import { linearPacker, type WeightDtype } from './index.js';
import type { LinearAttributes, LinearInputs } from './reference.js';
import { blockFeatures, gpuBytes, groupRows, packForGpu } from './webgpu-layout.js';
import { type Ending, fewRowsCode, manyRowsCode, type ProductShape, productKey } from './webgpu-product.js';

linearPacker.register(webGpuNames, (parts, N, K, dtype) =>
  tf
    .engine()
    .makeTensorFromTensorInfo(webGpu().weights(gpuBytes(N, K, dtype), (out) => packForGpu(parts, K, dtype, out))),
);

/** What is best on a device, of programs that give the same bits. */
export interface Tuning {
  /** Rows up to which the matrix-vector program is taken. */
  readonly mostFewRows: number;
  /** Rows of a tile of the matrix-matrix program, where there are more than 32; 64 where they fit in workgroup memory. */
  readonly tileRows: number;
}

/** In force; webgpu-tune.ts finds it out. */
export let tuning: Tuning = { mostFewRows: 8, tileRows: 64 };

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
  { mostFewRows, tileRows }: Tuning = tuning,
): void {
  const backend = webGpu();
  const { x, weight, norm, M, N, K, dtype, epsilon } = product;
  const shape: ProductShape = { dtype, K, norm: norm !== undefined };
  const uniforms = backend.uniform([M, N, K, Math.ceil(K / groupRows), 0], { 4: epsilon });
  const bound = [uniforms, backend.buffer(x), backend.buffer(weight)];
  if (norm) bound.push(backend.buffer(norm));
  const isFew = M <= mostFewRows;
  const rows = isFew ? fewRows(M) : manyRows(M, tileRows);
  const blocks = Math.ceil(N / blockFeatures);
  backend.dispatch(
    `${productKey(shape, ending)} ${isFew ? 'few' : 'many'}${rows}`,
    () => (isFew ? fewRowsCode : manyRowsCode)(shape, rows, ending),
    [...bound, ...buffers],
    [isFew ? blocks : Math.ceil(blocks / 2), Math.ceil(M / rows)],
  );
}

/** The least workgroup memory that WebGPU promises holds two rows of a matrix-vector tile, or 32 of the other. */
const isRoomy = () => webGpu().device.limits.maxComputeWorkgroupStorageSize > 16_384;

function fewRows(M: number): number {
  if (M === 1) return 1;
  return M === 2 || !isRoomy() ? 2 : 4;
}

function manyRows(M: number, tileRows: number): number {
  if (M <= 32) return 16;
  return isRoomy() ? tileRows : Math.min(32, tileRows);
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
  ${(['x', 'y', 'z', 'w'] as const)
    .map((c, j) => {
      const value = `sums.${c}${hasBias ? ` + bias[n + ${j}u]` : ''}`;
      return `if (n + ${j}u < p.N) { y[at + ${j}u] = ${hasResidual ? `residual[at + ${j}u] + (${value})` : value}; }`;
    })
    .join('\n  ')}
}`,
    few: (rows) =>
      `if (tid < ${rows * 8}u) { ${store('first + (tid >> 3u)', 'block * 32u + (tid & 7u) * 4u', 'total')} }`,
    many: () =>
      [0, 1, 2, 3]
        .flatMap((r) =>
          [0, 1].map((h) => store(`first + rg * 4u + ${r}u`, `block * 32u + pc * 8u + ${h * 4}u`, `total${r}_${h}`)),
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
