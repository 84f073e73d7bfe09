import type * as tf from '@tensorflow/tfjs-core';
import { registerJob, simd } from '../../backends/simd/index.js';
import type { TakeRowsAttributes } from './reference.js';

/** A copy is over before another thread has heard of it: the caller's does it. */
registerJob<{ x: tf.Tensor }, TakeRowsAttributes>('AttsTakeRows', ({ x }, { rows }) => {
  const backend = simd();
  const d = x.shape[1] as number;
  const from = backend.heap.float32(backend.pointer(x), x.size);
  const y = backend.output([rows.length, d]);
  const to = backend.heap.float32(y.pointer, rows.length * d);
  for (const [r, row] of rows.entries()) to.set(from.subarray(row * d, (row + 1) * d), r * d);
  return y.info;
});
