import type * as tf from '@tensorflow/tfjs-core';
import { registerJob, simd, simdNames } from '../../backends/simd/index.js';
import { packParts } from '../linear/index.js';
import { rowsOf, stacked } from '../linear/matrix.js';
import { isQuantised } from '../linear/quantise.js';
import { dtypeCode, preparedBytes, threadsFor } from '../linear/simd.js';
import { gatedMlpPacker } from './index.js';
import type { GatedMlpAttributes, GatedMlpInputs } from './reference.js';

const panel = 8;
const padded = (f: number) => Math.ceil(f / panel) * panel;

// A panel of gate, the same panel of up, the next of gate …; f is padded to whole panels, in down as well.
gatedMlpPacker.register(simdNames, ({ d, f, gate, up, down, gateBias, upBias, downBias }, dtypes) => {
  const F = padded(f);
  const place = (offset: number) => (n: number) => Math.floor(n / panel) * 2 * panel + offset + (n % panel);
  const parts = [
    { rows: rowsOf(gate, f, d), place: place(0), bias: gateBias },
    { rows: rowsOf(up, f, d), place: place(panel), bias: upBias },
  ];
  const bias = gateBias || upBias ? new Float32Array(2 * F) : null;
  for (const { place, bias: own } of parts) {
    own?.forEach((value, n) => {
      (bias as Float32Array)[place(n)] = value;
    });
  }
  return {
    d,
    f,
    gateUp: packParts(parts, 2 * F, d, bias, dtypes.gateUp),
    down: packParts(stacked(rowsOf(down, d, f)), d, F, downBias ?? null, dtypes.down),
  };
});

registerJob<GatedMlpInputs, GatedMlpAttributes>('AttsGatedMlp', (inputs, attrs) => {
  const backend = simd();
  const { d, f, activation, epsilon, dtype, downDtype } = attrs;
  const { x, gateUp, down, gateUpBias, downBias, residual, norm } = inputs;
  const M = x.shape[0] as number;
  const F = padded(f);
  const threads = threadsFor(3 * M * d * f);
  const [normed, prepared, scales, hidden, pair, quantisedHidden, hiddenScales, tail] = backend.scratch(
    norm ? M * d * 4 : 0,
    ...preparedBytes(dtype, M, d),
    M * F * 4,
    M * 128 * threads,
    ...(isQuantised(downDtype) ? preparedBytes(downDtype, M, F) : [0, 0]),
    M * 32 * threads,
  );
  const y = backend.output([M, d]);
  const at = (tensor?: tf.Tensor) => backend.pointerOrNull(tensor);
  backend.pool.run(
    'gatedMlp',
    // biome-ignore format: operands by their order
    [
      at(x), M, d, at(gateUp), f, dtypeCode[dtype], at(gateUpBias), activation === 'gelu-tanh' ? 1 : 0, at(norm),
      0, normed, prepared, scales, hidden, at(down), dtypeCode[downDtype], at(downBias), at(residual), y.pointer,
      pair, quantisedHidden, hiddenScales, tail,
    ],
    { 9: epsilon },
    threads,
  );
  return y.info;
});
