import type * as tf from '@tensorflow/tfjs-core';
import { registerJob, simd } from '../../backends/simd/index.js';
import { threadsFor } from '../linear/simd.js';
import type { RmsNormInputs } from './reference.js';

registerJob<RmsNormInputs, { epsilon: number }>('AttsRmsNorm', ({ x, weight }, { epsilon }) => {
  const backend = simd();
  const width = weight.shape[0] as number;
  const rows = (x as tf.Tensor).size / width;
  const y = backend.output(x.shape);
  const operands = [backend.pointer(x), rows, backend.pointer(weight), width, 0, y.pointer];
  backend.pool.run('rmsNorm', operands, { 4: epsilon }, threadsFor(x.size));
  return y.info;
});
