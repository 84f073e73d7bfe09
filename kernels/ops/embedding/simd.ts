import type * as tf from '@tensorflow/tfjs-core';
import { registerJob, simd, simdNames } from '../../backends/simd/index.js';
import { packLinear } from '../linear/index.js';
import { dtypeCode, threadsFor } from '../linear/simd.js';
import { embeddingPacker } from './index.js';
import type { EmbeddingAttributes } from './reference.js';

embeddingPacker.register(simdNames, (values, V, d, dtype, tiedHead) => {
  const shared = tiedHead?.tiles[0];
  if (shared) return { V, d, dtype: shared.dtype, table: shared.packed, dispose() {} };
  const { packed } = packLinear(values, V, d, null, dtype);
  return { V, d, dtype, table: packed, dispose: () => packed.dispose() };
});

registerJob<{ table: tf.Tensor }, EmbeddingAttributes>('AttsEmbedding', ({ table }, attrs) => {
  const backend = simd();
  const { ids, scale, d, dtype } = attrs;
  const T = ids.length;
  const [idsAt] = backend.scratch(T * 4);
  backend.heap.int32(idsAt, T).set(ids);
  const y = backend.output([T, d]);
  const operands = [idsAt, T, backend.pointer(table), dtypeCode[dtype], d, 0, y.pointer];
  backend.pool.run('embedding', operands, { 5: scale }, threadsFor(T * d));
  return y.info;
});
