import { registerWgsl, webGpu, webGpuNames } from '../../backends/webgpu/index.js';
import { components } from '../../unroll.js';
import { packLinear, packParts } from '../linear/index.js';
import { rowsOf } from '../linear/matrix.js';
import { linearEnding, runProduct } from '../linear/webgpu.js';
import type { Ending } from '../linear/webgpu-product.js';
import { gatedMlpPacker } from './index.js';
import type { Activation, GatedMlpAttributes, GatedMlpInputs } from './reference.js';

// A panel of 8 features is four of gate and the same four of up, so that one thread has both.
const half = 4;
const paired = (f: number) => Math.ceil(f / 16) * 32;

gatedMlpPacker.register(webGpuNames, ({ d, f, gate, up, down, gateBias, upBias, downBias }, dtypes) => {
  const place = (offset: number) => (n: number) => Math.floor(n / half) * 2 * half + offset + (n % half);
  const parts = [
    { rows: rowsOf(gate, f, d), place: place(0), bias: gateBias },
    { rows: rowsOf(up, f, d), place: place(half), bias: upBias },
  ];
  const bias = gateBias || upBias ? new Float32Array(paired(f)) : null;
  for (const { place, bias: own } of parts) {
    own?.forEach((value, n) => {
      (bias as Float32Array)[place(n)] = value;
    });
  }
  return {
    d,
    f,
    gateUp: packParts(parts, paired(f), d, bias, dtypes.gateUp),
    down: packLinear(down, d, f, downBias ?? null, dtypes.down),
  };
});

/** hidden[M, f] = activation(gate) · up, of sums that lie as gate's half and up's half of each panel. */
function gating(activation: Activation, f: number, hasBias: boolean): Ending {
  const bias = (n: string) => (hasBias ? `+ vec4f(bias[${n}], bias[${n} + 1u], bias[${n} + 2u], bias[${n} + 3u])` : '');
  return {
    key: `gateUp ${activation} ${f}${hasBias ? ' bias' : ''}`,
    declare: (binding) => /* wgsl */ `
@group(0) @binding(${binding}) var<storage, read_write> hidden: array<f32>;
${hasBias ? `@group(0) @binding(${binding + 1}) var<storage, read> bias: array<f32>;` : ''}
fn activate(z: vec4f) -> vec4f {
  ${
    activation === 'silu'
      ? 'return z / (1.0 + exp(min(-z, vec4f(80.0))));'
      : 'return 0.5 * z * (1.0 + tanh(clamp(0.7978845608028654 * (z + 0.044715 * (z * z * z)), vec4f(-15.0), vec4f(15.0))));'
  }
}
// n: the first of a panel's features.
fn gated(m: u32, n: u32, gate: vec4f, up: vec4f) {
  if (m >= p.M) { return; }
  let z = activate(gate ${bias('n')}) * (up ${bias('(n + 4u)')});
  let to = n >> 1u;
  ${components.map((c, j) => `if (to + ${j}u < ${f}u) { hidden[m * ${f}u + to + ${j}u] = z.${c}; }`).join('\n  ')}
}`,
    few: (rows) => /* wgsl */ `
  if (tid < ${rows * 8}u) { tile[tid] = total; }
  workgroupBarrier();
  if (tid < ${rows * 4}u) {
    gated(first + (tid >> 2u), block * 32u + (tid & 3u) * 8u, tile[tid * 2u], tile[tid * 2u + 1u]);
  }`,
    many: (_, sums) =>
      sums.map(({ row, halves }) => `gated(first + ${row}, block * 32u + pc * 8u, ${halves.join(', ')});`).join('\n'),
  };
}

registerWgsl<GatedMlpInputs, GatedMlpAttributes>('AttsGatedMlp', (inputs, attributes) => {
  const backend = webGpu();
  const { d, f, activation, epsilon, dtype, downDtype } = attributes;
  const { x, gateUp, down, gateUpBias, downBias, residual, norm } = inputs;
  const M = x.shape[0] as number;
  const hidden = backend.output([M, f]);
  runProduct(
    { x, weight: gateUp, norm, M, N: paired(f), K: d, dtype, epsilon },
    gating(activation, f, gateUpBias !== undefined),
    [hidden.buffer, backend.bufferOrNone(gateUpBias)],
  );
  const y = backend.output([M, d]);
  runProduct(
    { x: hidden.info, weight: down, M, N: d, K: f, dtype: downDtype, epsilon: 0 },
    linearEnding(downBias !== undefined, residual !== undefined),
    [y.buffer, backend.bufferOrNone(downBias), backend.bufferOrNone(residual)],
  );
  backend.disposeData(hidden.info.dataId);
  return y.info;
});
