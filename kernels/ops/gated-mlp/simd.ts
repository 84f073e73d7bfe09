import type * as tf from '@tensorflow/tfjs-core';
import { simd, simdNames } from '../../backends/simd/index.js';
import { registerFor } from '../../tfjs.js';
import { packLinear } from '../linear/index.js';
import { dtypeCode, quantisedBytes, threadsFor } from '../linear/simd.js';
import { gatedMlpPacker } from './index.js';
import type { GatedMlpAttributes, GatedMlpInputs } from './reference.js';

const panel = 8;
const padded = (f: number) => Math.ceil(f / panel) * panel;

// A panel of gate, the same panel of up, the next of gate …; f is padded to whole panels, in down as well.
gatedMlpPacker.register(simdNames, ({ d, f, gate, up, down, gateBias, upBias, downBias }, dtype) => {
  const F = padded(f);
  const both = new Float32Array(2 * F * d);
  const bias = gateBias || upBias ? new Float32Array(2 * F) : null;
  for (const [offset, matrix, own] of [
    [0, gate, gateBias],
    [panel, up, upBias],
  ] as const) {
    for (let n = 0; n < f; n++) {
      const to = Math.floor(n / panel) * 2 * panel + offset + (n % panel);
      both.set(matrix.subarray(n * d, (n + 1) * d), to * d);
      if (bias && own) bias[to] = own[n];
    }
  }
  let wide = down;
  if (F !== f) {
    wide = new Float32Array(d * F);
    for (let n = 0; n < d; n++) wide.set(down.subarray(n * f, (n + 1) * f), n * F);
  }
  return {
    d,
    f,
    gateUp: packLinear(both, 2 * F, d, bias, dtype),
    down: packLinear(wide, d, F, downBias ?? null, dtype),
  };
});

registerFor<GatedMlpInputs, GatedMlpAttributes>(simdNames, 'AttsGatedMlp', (inputs, attrs) => {
  const backend = simd();
  const { d, f, activation, epsilon, dtype } = attrs;
  const { x, gateUp, down, gateUpBias, downBias, residual, norm } = inputs;
  const M = x.shape[0] as number;
  const F = padded(f);
  const threads = threadsFor(3 * M * d * f);
  const [normed, quantised, scales, hidden, pair, quantisedHidden, hiddenScales, tail] = backend.scratch(
    norm ? M * d * 4 : 0,
    ...quantisedBytes(dtype, M, d),
    M * F * 4,
    M * 128 * threads,
    ...quantisedBytes(dtype, M, F),
    M * 32 * threads,
  );
  const y = backend.output([M, d]);
  const at = (tensor?: tf.Tensor) => backend.pointerOrNull(tensor);
  const code = dtypeCode[dtype];
  backend.pool.run(
    'gatedMlp',
    [
      ...[at(x), M, d, at(gateUp), f, code, at(gateUpBias), activation === 'gelu-tanh' ? 1 : 0, at(norm)],
      ...[0, normed, quantised, scales, hidden, at(down), code, at(downBias), at(residual), y.pointer],
      ...[pair, quantisedHidden, hiddenScales, tail],
    ],
    { 9: epsilon },
    threads,
  );
  return y.info;
});
