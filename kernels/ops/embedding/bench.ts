import type { BenchCase } from '../../bench/measure.js';
import { values } from '../../bench/values.js';
import { embeddingCost } from './cost.js';
import { embedding, packEmbedding } from './index.js';

export function* embeddingCases(): Generator<BenchCase> {
  const [V, d] = [49_152, 576];
  for (const T of [1, 64]) {
    yield {
      ...{ op: 'embedding', dtype: 'f32', rows: T, shape: `${V} × ${d}`, cost: embeddingCost(T, d) },
      prepare() {
        const table = packEmbedding(values(V * d), V, d);
        const ids = Int32Array.from({ length: T }, (_, t) => (t * 7919) % V);
        return { run: () => embedding(table, ids).dispose(), dispose: () => table.dispose() };
      },
    };
  }
}
