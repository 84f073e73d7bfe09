import fc from 'fast-check';
import type { ModelShape } from '../../src/profiler/pass-cost.js';

export const positive = (max: number) => fc.integer({ min: 1, max });

/** Any dimensions that a decoder can have. */
export const anyShape: fc.Arbitrary<ModelShape> = fc
  .record({ layers: positive(40), kvHeads: positive(8), share: positive(8), headDim: fc.constantFrom(32, 64, 128) })
  .chain(({ layers, kvHeads, share, headDim }) =>
    fc.record({
      ...{ layers: fc.constant(layers), kvHeads: fc.constant(kvHeads), heads: fc.constant(kvHeads * share) },
      ...{ headDim: fc.constant(headDim), hiddenSize: positive(4096), intermediateSize: positive(8192) },
      vocabSize: positive(200_000),
    }),
  );
