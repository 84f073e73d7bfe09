import { expect } from 'chai';
import { weightDtypes } from '../../kernels/ops/linear/index.js';
import { type KnownLimits, roofsOf } from '../../src/profiler/machine-limits.js';
import { modelShapes } from '../../src/profiler/model-shapes.js';
import { predictPass } from '../../src/profiler/predict.js';

/** A machine of round figures: two threads, a last cache of 32 MiB. */
const limits: KnownLimits = {
  ...{ schema: 'atts.limits/1', cpu: 'any', cores: 2, measured: '2026-01-01T00:00:00Z', build: 'any', threads: 2 },
  peaks: [1, 2].flatMap((threads) => [
    { arithmetic: 'float32' as const, threads, gflops: 50 * threads, noise: 0 },
    { arithmetic: 'int16' as const, threads, gflops: 100 * threads, noise: 0 },
  ]),
  matrices: weightDtypes.map((dtype) => ({ dtype, gflops: 80, noise: 0 })),
  memory: [1, 2].flatMap((threads) => [
    { level: 'L1' as const, capacity: 2 ** 15 * threads, threads, read: 100 * threads, copy: 100, noise: 0 },
    { level: 'L2' as const, capacity: 2 ** 20 * threads, threads, read: 80 * threads, copy: 80, noise: 0 },
    { level: 'LLC' as const, capacity: 2 ** 25, threads, read: 60 * threads, copy: 60, noise: 0 },
    { level: 'DRAM' as const, capacity: null, threads, read: 20 * threads, copy: 20, noise: 0 },
  ]),
  opMicroseconds: 5,
};
const shape = modelShapes['qwen2.5-1.5b'];
const decode = (rows: number) => ({
  sequences: Array.from({ length: rows }, () => ({ cached: 100, rows: 1 })),
  ...{ sampled: rows, scored: 0 },
});
const predict = (rows: number, weightBytes: number) =>
  predictPass(limits, shape, decode(rows), { weight: 4, cache: 4 }, weightBytes, 'f32');

describe('time of a pass by the limits of a machine', () => {
  it('is bound by memory for one row, by compute for many, and grows with rows', () => {
    expect(predict(1, 6e9).bound).to.equal('memory');
    expect(predict(64, 6e9).bound).to.equal('compute');
    const times = [1, 2, 8, 64].map((rows) => predict(rows, 6e9).seconds);
    expect(times).to.deep.equal([...times].sort((a, b) => a - b));
  });

  it('reads weights from the smallest cache that holds them all', () => {
    const memory = (weightBytes: number) => predict(1, weightBytes).memorySeconds;
    expect(memory(6e9) / memory(1e7)).to.be.closeTo(3, 0.05);
    expect(memory(6e9) / memory(1e6)).to.be.closeTo(4, 0.1);
  });

  it('is never less than the start of its ops', () => {
    const { seconds, computeSeconds, memorySeconds, overheadSeconds } = predict(1, 1e6);
    expect(overheadSeconds).to.be.closeTo((5 * shape.layers + 4) * 5e-6, 1e-12);
    expect(seconds).to.be.closeTo(computeSeconds + memorySeconds + overheadSeconds, 1e-12);
  });
});

describe('roofs of a machine', () => {
  it('are those of all threads', () => {
    const { peak, int16Peak, bandwidth, levels } = roofsOf(limits);
    expect([peak, int16Peak, bandwidth]).to.deep.equal([1e11, 2e11, 4e10]);
    expect(levels!.map(({ level, bandwidth }) => [level, bandwidth / 1e9])).to.deep.equal([
      ['L1', 200],
      ['L2', 160],
      ['LLC', 120],
      ['DRAM', 40],
    ]);
  });
});
