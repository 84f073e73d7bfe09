import { expect } from 'chai';
import type { PassRecord } from '../../src/engine/pass-record.js';
import { passCost } from '../../src/profiler/pass-cost.js';
import { profiledOps } from '../../src/profiler/profiled-ops.js';
import { float32Model } from './float32-model.js';

describe('ops of a profiled pass', () => {
  const shape = { layers: 2, hiddenSize: 64, intermediateSize: 128, heads: 2, kvHeads: 1, headDim: 32, vocabSize: 100 };
  const pass = (mlpSeconds: number, others = 1e-3): PassRecord => ({
    ...{ sequences: [{ cached: 9, rows: 1 }], sampled: 1, scored: 0 },
    ...{ started: 0, pages: 1, seconds: 0.01, hostSeconds: 0.001, ended: 0 },
    ops: [
      { op: 'qkv', layer: 0, seconds: others },
      { op: 'mlp', layer: 0, seconds: mlpSeconds },
      { op: 'mlp', layer: 1, seconds: mlpSeconds },
    ],
  });
  const roofs = { peak: 1e10, bandwidth: 1e9 };

  it('take their medians, layers together, and leave the rest of the time between them', () => {
    const passes = [pass(2e-3), pass(3e-3), pass(0.5), { ...pass(9), ops: undefined }];
    const { ops, betweenSeconds } = profiledOps(passes, 0.012, float32Model(shape), roofs)!;
    const mlp = ops.find(({ op }) => op === 'mlp')!;
    expect(mlp).to.include({ layers: 2, shape: '64 → 128 → 64', dtype: 'f32' });
    expect(mlp.seconds).to.be.closeTo(6e-3, 1e-12);
    expect(mlp.gflops).to.be.closeTo(mlp.flops / 6e-3 / 1e9, 1e-12);
    expect(betweenSeconds).to.be.closeTo(0.012 - 7e-3, 1e-12);
    const flops = ops.reduce((sum, op) => sum + op.flops, 0);
    expect(flops).to.equal(passCost(shape, passes[0], { weight: 4, cache: 4 }).flops);
  });

  it('are none where the device tells no times', () => {
    expect(profiledOps([{ ...pass(1), ops: undefined }], 1, float32Model(shape), roofs)).to.equal(null);
  });
});
