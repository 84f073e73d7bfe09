import { expect } from 'chai';
import { packedBytes, type WeightDtype, weightDtypes } from '../../kernels/ops/linear/index.js';
import { type KnownLimits, roofsOf } from '../../src/profiler/machine-limits.js';
import { modelShapes } from '../../src/profiler/model-shapes.js';
import { matrixParameters } from '../../src/profiler/pass-cost.js';
import { type PredictedModel, predictPass } from '../../src/profiler/predict.js';

/** A machine of round figures: two threads, a last cache of 32 MiB. */
const limits: KnownLimits = {
  ...{ schema: 'atts.limits/2', cpu: 'any', cores: 2, measured: '2026-01-01T00:00:00Z', build: 'any', threads: 2 },
  peaks: [1, 2].flatMap((threads) => [
    { arithmetic: 'float32' as const, threads, gflops: 50 * threads, noise: 0 },
    { arithmetic: 'int16' as const, threads, gflops: 100 * threads, noise: 0 },
    { arithmetic: 'exponential' as const, threads, gflops: threads, noise: 0 },
  ]),
  matrices: weightDtypes.map((dtype) => ({ dtype, gflops: 80, noise: 0 })),
  products: weightDtypes.flatMap((dtype) =>
    [1, 4, 64].flatMap((rows) => [
      { dtype, level: 'L2' as const, rows, gflops: 60 + rows / 4, noise: 0 },
      { dtype, level: 'DRAM' as const, rows, gflops: 20 + rows / 2, noise: 0 },
    ]),
  ),
  rows: [
    { work: 'norm', rate: 4, noise: 0 },
    { work: 'quantise', rate: 1, noise: 0 },
  ],
  memory: [1, 2].flatMap((threads) => [
    { level: 'L1' as const, capacity: 2 ** 15 * threads, threads, read: 100 * threads, copy: 100, noise: 0 },
    { level: 'L2' as const, capacity: 2 ** 20 * threads, threads, read: 80 * threads, copy: 80, noise: 0 },
    { level: 'LLC' as const, capacity: 2 ** 25, threads, read: 60 * threads, copy: 60, noise: 0 },
    { level: 'DRAM' as const, capacity: null, threads, read: 20 * threads, copy: 20, noise: 0 },
  ]),
  attention: { gflops: 100, softmax: 1, pagedReads: 10, noise: 0 },
  ...{ handOverMicroseconds: 0.5, opMicroseconds: 5, sequenceMicroseconds: 3, tokenMicroseconds: 1 },
};
const shape = modelShapes['qwen2.5-1.5b'];
const decode = (rows: number) => ({
  sequences: Array.from({ length: rows }, () => ({ cached: 100, rows: 1 })),
  ...{ sampled: rows, scored: 0 },
});
const modelOf = (weightBytes: number, dtype: WeightDtype = 'f32'): PredictedModel => ({
  ...{ shape, keptInLayers: { [dtype]: { bytes: weightBytes } }, headDtype: dtype, weightBytes },
  cacheBytesPerToken: 8 * shape.layers * shape.kvHeads * shape.headDim,
});
const predict = (rows: number, weightBytes: number, dtype: WeightDtype = 'f32') =>
  predictPass(limits, modelOf(weightBytes, dtype), decode(rows));

describe('time of a pass by the limits of a machine', () => {
  it('waits for memory with one row, computes with many, and takes longer with more rows', () => {
    expect(predict(1, 6e9).bound).to.equal('memory');
    expect(predict(64, 6e9).bound).to.equal('compute');
    const times = [1, 2, 3, 4, 8, 64, 100].map((rows) => predict(rows, 6e9).seconds);
    expect(times).to.deep.equal([...times].sort((a, b) => a - b));
  });

  it('does not wait for what a quarter of the last cache holds, for all else where it holds nothing', () => {
    const memory = (weightBytes: number) => predict(1, weightBytes).memorySeconds;
    expect(memory(1e6) / memory(6e9)).to.be.below(0.01);
    // Products from main memory take what was measured there, and none is beyond the cache's own size.
    const passes = 2 * matrixParameters(shape);
    expect(memory(6e9)).to.be.within(passes / 20.5e9 - passes / 60.25e9, 1.05 * (passes / 20.5e9 - passes / 60.25e9));
    expect(memory(2 ** 25)).to.equal(memory(6e9));
    // Half of the cache, and the cached tokens that are read: between.
    expect(memory(2 ** 24) / memory(6e9)).to.be.within(1 / 3, 2 / 3);
  });

  it('is never less than the start of its ops and the work of its sequences', () => {
    const { seconds, computeSeconds, memorySeconds, overheadSeconds } = predict(1, 1e6);
    const sharings = shape.layers * (2 + 1 + 2 + 1 + 1) + 1;
    expect(overheadSeconds).to.be.closeTo((5 * (5 * shape.layers + 4) + 3 + 0.5 * sharings) * 1e-6, 1e-9);
    expect(seconds).to.be.closeTo(computeSeconds + memorySeconds + overheadSeconds, 1e-12);
  });

  it('quantised rows take what quantising them takes besides, and mixed layers the mean of their dtypes', () => {
    const [plain, quantised] = (['f32', 'q4'] as const).map((dtype) => predict(64, 1e6, dtype));
    const values = shape.layers * (3 * shape.hiddenSize + shape.intermediateSize) + shape.hiddenSize;
    expect(quantised.computeSeconds - plain.computeSeconds).to.be.closeTo((64 * values) / 1e9, 1e-6);
    const weights = 32 * 128;
    const [f32, q4] = (['f32', 'q4'] as const).map((dtype) => ({ bytes: packedBytes(32, 128, dtype) / weights }));
    const model = { ...modelOf(1e6), keptInLayers: { f32, q4 } };
    const half = (64 * (values - shape.hiddenSize)) / 2 / 1e9;
    expect(predictPass(limits, model, decode(64)).computeSeconds - plain.computeSeconds).to.be.closeTo(half, 1e-6);
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
