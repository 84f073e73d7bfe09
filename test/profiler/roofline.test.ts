import { expect } from 'chai';
import fc from 'fast-check';
import { inspectModel } from '../../src/index.js';
import { passCost, shapeOf, storedBytes, totalBytes } from '../../src/profiler/pass-cost.js';
import { rooflinePass } from '../../src/profiler/predict.js';

const verification = (rows: number) => ({ sequences: [{ cached: 64, rows }], sampled: 0, scored: rows });
const of = (dtype: 'f32' | 'bf16' | 'q8' | 'q4') => {
  const report = inspectModel('abacus-qwen3-2m', { dtype });
  return { shape: shapeOf(report), stored: storedBytes(report) };
};

describe('the least time that two roofs allow', () => {
  it('reads fewer bytes a verified token the smaller the weights are kept', () => {
    const bytes = (['f32', 'bf16', 'q8', 'q4'] as const).map((dtype) => {
      const { shape, stored } = of(dtype);
      return totalBytes(passCost(shape, verification(16), stored)) / 16;
    });
    for (let i = 1; i < bytes.length; i++) expect(bytes[i]).to.be.below(bytes[i - 1]);
  });

  it('is no less than all arithmetic at the peak or all bytes at the bandwidth, and no more than both', () => {
    const { shape, stored } = of('q8');
    const rate = fc.double({ min: 1e6, max: 1e15, noNaN: true });
    fc.assert(
      fc.property(rate, rate, fc.integer({ min: 1, max: 300 }), (peak, bandwidth, rows) => {
        const cost = passCost(shape, verification(rows), stored);
        const [compute, memory] = [cost.flops / peak, totalBytes(cost) / bandwidth];
        const { seconds } = rooflinePass({ peak, bandwidth }, shape, verification(rows), stored);
        expect(seconds).to.be.at.least(Math.max(compute, memory) * (1 - 1e-9));
        expect(seconds).to.be.at.most((compute + memory) * (1 + 1e-9));
      }),
    );
  });

  it('is bound by whatever roof is low', () => {
    const { shape, stored } = of('f32');
    const bound = (peak: number, bandwidth: number) =>
      rooflinePass({ peak, bandwidth }, shape, verification(16), stored).bound;
    expect(bound(1e15, 1e6)).to.equal('memory');
    expect(bound(1e6, 1e15)).to.equal('compute');
  });
});
