import { expect } from 'chai';
import fc from 'fast-check';
import { addCosts } from '../../kernels/cost.js';
import { inspectCheckpoint } from '../../models/inspect.js';
import { countPass, noPasses, opCosts } from '../../src/profiler/op-costs.js';
import { type PassOp, passCost, passCosts, shapeOf } from '../../src/profiler/pass-cost.js';
import { smallCheckpoint, smallConfigs } from '../models/checkpoint/small-model.js';
import { float32Model } from './float32-model.js';
import { anyShape, positive } from './model-shape.js';

const passes = fc.array(
  fc.record({
    sequences: fc.array(fc.record({ cached: fc.nat(300), rows: positive(64) }), { minLength: 1, maxLength: 5 }),
    sampled: fc.nat(5),
    scored: fc.nat(64),
  }),
  { minLength: 1, maxLength: 6 },
);

describe('costs of single ops', () => {
  it('add up to the closed form of the passes, by op and by layer alike', () => {
    fc.assert(
      fc.property(anyShape, passes, (shape, ran) => {
        const counts = noPasses();
        for (const pass of ran) countPass(counts, pass);
        const costs = opCosts(float32Model(shape), counts);
        const stored = { weight: 4, cache: 4 };
        const whole = addCosts(ran.map((pass) => passCost(shape, pass, stored)));
        expect(addCosts(costs)).to.deep.equal(whole);
        const byLayer = [null, ...Array.from({ length: shape.layers }, (_, i) => i)].map((layer) =>
          addCosts(costs.filter((cost) => cost.layer === layer)),
        );
        expect(addCosts(byLayer)).to.deep.equal(whole);
        const ofOp = (op: PassOp) => addCosts(costs.filter((cost) => cost.op === op)).flops;
        for (const op of ['attention', 'output', 'head', 'tokenLogProb'] as const) {
          expect(ofOp(op)).to.equal(ran.reduce((sum, pass) => sum + passCosts(shape, pass, stored)[op].flops, 0));
        }
      }),
    );
  });

  it('read every matrix of a checkpoint once a pass, in the bytes in which it is kept', () => {
    for (const [name, config] of Object.entries(smallConfigs)) {
      const { config: dimensions, hasOwnHead, weights, kept } = inspectCheckpoint(smallCheckpoint(config), 'q4');
      const counts = noPasses();
      const pass = { sequences: [{ cached: 3, rows: 1 }], sampled: 1, scored: 0 };
      for (let i = 0; i < 3; i++) countPass(counts, pass);
      const costs = opCosts({ shape: shapeOf(dimensions), weights, cacheDtype: 'f32' }, counts);
      const products = costs.filter(({ dtype }) => dtype === 'q4').filter(({ op }) => op !== 'embedding');
      const norms = 2 * dimensions.layers * dimensions.hiddenSize * 4;
      // A table that is no head is looked up, not read.
      const read = kept.q4!.bytes - (hasOwnHead ? weights.embedding.bytes : 0);
      expect(addCosts(products).bytes.weights, name).to.be.closeTo(3 * (read + norms), 1e-6);
    }
  });
});
