import type * as tf from '@tensorflow/tfjs-core';
import { registerJob, simd } from '../../backends/simd/index.js';
import { threadsFor } from '../linear/simd.js';
import type { SampleAttributes } from './reference.js';

function draw(logits: tf.Tensor, { temperatures, topPs, uniforms }: SampleAttributes): tf.TensorInfo {
  const backend = simd();
  const [R, V] = logits.shape as [number, number];
  const threads = threadsFor(8 * R * V);
  const [uniformsAt, temperaturesAt, topPsAt, weights, bins] = backend.scratch(
    ...[R * 8, R * 4, R * 4, Math.ceil((V * 4) / 16) * 16 * threads, 16_384 * threads],
  );
  new Float64Array(backend.heap.memory.buffer, uniformsAt, R).set(uniforms);
  backend.heap.float32(temperaturesAt, R).set(temperatures);
  backend.heap.float32(topPsAt, R).set(topPs);
  const ids = backend.output([R], 'int32');
  const operands = [backend.pointer(logits), R, V, temperaturesAt, topPsAt, uniformsAt, ids.pointer, weights, bins];
  backend.pool.run('sample', operands, undefined, threads);
  return ids.info;
}

registerJob<{ logits: tf.Tensor }, SampleAttributes>('AttsSample', ({ logits }, attributes) =>
  draw(logits, attributes),
);
registerJob<{ logits: tf.Tensor }, object>('AttsArgmax', ({ logits }) => {
  const R = logits.shape[0] as number;
  const greedy = {
    temperatures: new Float32Array(R),
    topPs: new Float32Array(R).fill(1),
    uniforms: new Float64Array(R),
  };
  return draw(logits, greedy);
});
