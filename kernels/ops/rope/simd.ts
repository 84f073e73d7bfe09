import type * as tf from '@tensorflow/tfjs-core';
import { registerJob, simd } from '../../backends/simd/index.js';
import { cacheBytes } from '../attention/cache.js';
import { threadsFor } from '../linear/simd.js';
import type { RopeAppendAttributes, RopeAppendInputs, RopeInputs } from './reference.js';

registerJob<RopeInputs, { headDim: number }>('AttsRope', ({ x, cos, sin }, { headDim }) => {
  const backend = simd();
  const [T, width] = x.shape as [number, number];
  const y = backend.output([T, width]);
  const operands = [backend.pointer(x), T, width / headDim, 0, headDim, backend.pointer(cos), backend.pointer(sin)];
  backend.pool.run('ropeAppend', [...operands, 0, 0, 0, y.pointer, 0, 1, 0, 0, 4], undefined, threadsFor(x.size));
  return y.info;
});

registerJob<RopeAppendInputs, RopeAppendAttributes>('AttsRopeAppend', (inputs, attributes) => {
  const backend = simd();
  const { qkv, cos, sin, qNorm, kNorm } = inputs;
  const { cache, layer, rows, heads, epsilon } = attributes;
  const { kvHeads, headDim, pageSize, dtype } = cache.shape;
  const T = qkv.shape[0] as number;
  const [slots] = backend.scratch(T * 4);
  backend.heap.int32(slots, T).set(rows.slots);
  const q = backend.output([T, heads * headDim]);
  const at = (tensor?: tf.Tensor) => backend.pointerOrNull(tensor);
  backend.pool.run(
    'ropeAppend',
    // biome-ignore format: operands by their order
    [
      at(qkv), T, heads, kvHeads, headDim, at(cos), at(sin), at(qNorm), at(kNorm), 0,
      q.pointer, slots, pageSize, cache.pointer(layer, 0), cache.pointer(layer, 1), cacheBytes[dtype],
    ],
    { 9: epsilon },
    threadsFor(4 * qkv.size),
  );
  return q.info;
});
