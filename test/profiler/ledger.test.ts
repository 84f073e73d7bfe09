import { expect } from 'chai';
import { addCosts } from '../../kernels/cost.js';
import { openEngines, type RunEngines, runConfigSchema, scale } from '../../src/index.js';
import { Ledger } from '../../src/profiler/ledger.js';
import { sumLedgers } from '../../src/profiler/ledger-sums.js';
import { modelShapes } from '../../src/profiler/model-shapes.js';
import { opWork } from '../../src/profiler/op-rates.js';
import { passCost } from '../../src/profiler/pass-cost.js';
import { loadRunDataset } from '../../src/scaling/datasets.js';
import { float32Model } from './float32-model.js';

const stored = { weight: 4, cache: 4 };
const shape = modelShapes['qwen2.5-1.5b'];

describe('the ledger of a model', () => {
  const decode = {
    sequences: [
      { cached: 5, rows: 1 },
      { cached: 9, rows: 1 },
    ],
    sampled: 2,
    scored: 0,
    ...{ seconds: 0.25, hostSeconds: 0.01, ended: 0, started: 0, pages: 1 },
  };
  const score = {
    sequences: [{ cached: 16, rows: 32 }],
    sampled: 0,
    scored: 32,
    seconds: 0.5,
    hostSeconds: 0.01,
    ...{ ended: 1, started: 0, pages: 1 },
  };

  const roofs = {
    ...{ peak: 1e11, int16Peak: 2e11, bandwidth: 2e10, opSeconds: 2e-6 },
    levels: [
      { level: 'L2', capacity: 2 ** 20, bandwidth: 1e11 },
      { level: 'DRAM', capacity: null, bandwidth: 2e10 },
    ],
  };
  const sum = (values: readonly (number | null)[]) => values.reduce<number>((total, value) => total + value!, 0);

  it('adds passes up by phase and by op, and both sums are those of the passes', () => {
    const ledger = new Ledger(float32Model(shape), roofs);
    for (const pass of [decode, score, decode]) ledger.add(pass);
    const { phases, ops, total } = ledger.report();
    const decoded = passCost(shape, decode, stored).flops;
    expect(phases.decode).to.include({ passes: 2, rows: 4, seconds: 0.5, flops: 2 * decoded });
    expect(phases.score).to.include({ passes: 1, rows: 32, seconds: 0.5 });
    expect(phases.prefill).to.equal(undefined);
    expect(total.flops).to.equal(2 * decoded + passCost(shape, score, stored).flops);
    expect(sum(ops.map(({ flops }) => flops))).to.equal(total.flops);
    const [logProbs] = ops.filter(({ op }) => op === 'tokenLogProb');
    expect(logProbs.bytes.weights).to.equal(shape.vocabSize * shape.hiddenSize * 4);
    ledger.clear();
    expect(ledger.report().total.flops).to.equal(0);
  });

  it('has no times of ops where none were timed, and says so', () => {
    const ledger = new Ledger(float32Model(shape), roofs);
    ledger.add(decode);
    const { phases, ops, untimed } = ledger.report();
    expect(untimed).to.match(/no times of single ops/);
    expect(phases.decode!.betweenSeconds).to.equal(null);
    for (const { seconds, gflops, roofShare } of ops)
      expect([seconds, gflops, roofShare]).to.deep.equal([null, null, null]);
  });

  it('lets the timed passes of a phase stand for all of them, to the time of the phase', () => {
    const ledger = new Ledger(float32Model(shape), roofs);
    const ops = [
      { op: 'qkv', layer: 0, seconds: 0.05 },
      { op: 'mlp', layer: 0, seconds: 0.1 },
      { op: 'mlp', layer: 1, seconds: 0.05 },
    ] as const;
    const first = { ...decode, seconds: 1, ops: [{ op: 'qkv', layer: 0, seconds: 0.9 }] } as const;
    for (const pass of [first, decode, { ...decode, ops }, decode, { ...decode, seconds: 0.35, ops }, score]) {
      ledger.add(pass);
    }
    const report = ledger.report();
    // The first pass stands for itself; of the other 1.1 s, 0.6 are in timed passes, and 0.4 of these in ops.
    const taken = (op: string, layer: number) =>
      report.ops.find((one) => one.phase === 'decode' && one.op === op && one.layer === layer)!.seconds;
    expect(taken('qkv', 0)).to.be.closeTo(0.9 + (0.1 * 1.1) / 0.6, 1e-12);
    expect(taken('mlp', 0)).to.be.closeTo((0.2 * 1.1) / 0.6, 1e-12);
    expect(taken('mlp', 5)).to.equal(0);
    const { timedPasses, betweenSeconds, seconds } = report.phases.decode!;
    expect(timedPasses).to.equal(3);
    const inOps = sum(report.ops.filter(({ phase }) => phase === 'decode').map((op) => op.seconds));
    expect(inOps + betweenSeconds!).to.be.closeTo(seconds, 1e-12);
    expect(report.phases.score!.betweenSeconds).to.equal(null);
  });

  it('sums up by op as by layer, phase and engine', () => {
    const ledger = new Ledger(float32Model(shape), roofs);
    const ops = [{ op: 'mlp', layer: 3, seconds: 0.2 }] as const;
    for (const pass of [{ ...decode, ops }, decode, { ...score, ops }]) ledger.add(pass);
    const target = ledger.report();
    const { turn, engine, ...others } = sumLedgers({ target }, []);
    expect(turn).to.deep.equal([]);
    const [whole] = engine;
    expect(whole.flops).to.equal(target.total.flops);
    expect(whole.seconds).to.be.closeTo(0.2 * 2 + 0.2, 1e-12);
    for (const [key, sums] of Object.entries(others)) {
      expect(addCosts(sums), key).to.deep.equal({ flops: whole.flops, bytes: whole.bytes });
      expect(sum(sums.map(({ seconds }) => seconds)), key).to.be.closeTo(whole.seconds!, 1e-12);
      expect(sum(sums.map(({ roofSeconds }) => roofSeconds)), key).to.be.closeTo(whole.roofSeconds, 1e-12);
    }
  });
});

describe('what an op reaches', () => {
  const cost = { op: 'mlp', layer: 0, shape: '', dtype: 'f32', passes: 10 } as const;
  const roofs = {
    ...{ peak: 1e11, int16Peak: 2e11, bandwidth: 1e10, opSeconds: 1e-6 },
    levels: [
      { level: 'L2', capacity: 1000, bandwidth: 4e10 },
      { level: 'DRAM', capacity: null, bandwidth: 1e10 },
    ],
  };
  const work = (flops: number, bytes: number, seconds: number | null, weightBytes = 1e9, dtype = 'f32') => {
    const moved = { weights: bytes, activations: 0, cache: 0 };
    return opWork({ ...cost, dtype, flops, bytes: moved }, seconds, roofs, weightBytes);
  };

  it('is held against the slope, the peak of its dtype, or what starting it takes', () => {
    const memory = work(1e9, 1e9, 0.2);
    expect(memory).to.include({ bound: 'memory', roofShare: 0.5, intensity: 1, gflops: 5, gbytes: 5 });
    expect(work(1e11, 1e9, 4)).to.include({ bound: 'compute', roofShare: 0.25 });
    expect(work(1e11, 1e9, 4, 1e9, 'q4k + q6')).to.include({ bound: 'compute', roofShare: 0.125 });
    expect(work(1e11, 1e9, 4, 1e9, 'q4 + f32')).to.include({ roofShare: 0.25 });
    expect(work(1e3, 1e3, 1e-4)).to.include({ bound: 'overhead' });
    expect(work(1e9, 1e9, null)).to.include({ bound: 'memory', roofShare: null, gflops: null });
  });

  it('has the slope of the smallest cache that holds the weights twice', () => {
    expect(work(1e3, 4e9, 1, 500)).to.include({ roofShare: 0.1 });
    expect(work(1e3, 4e9, 1, 501)).to.include({ roofShare: 0.4 });
  });
});

describe('a run with --profile', () => {
  for (const placement of ['shared', 'separate'] as const) {
    let engines: RunEngines;
    after(() => engines.close());

    it(`counts every token that its events tell of, models ${placement}`, async () => {
      const config = runConfigSchema.parse({
        ...{ limit: 2, samples: 3, turns: 3, policy: 'replace', calibration: 'budget', schedule: 'sync', placement },
        ...{ profile: true, threads: 2 },
      });
      engines = await openEngines(config, { roofs: { peak: 1e11, bandwidth: 2e10 } });
      const { summary, events } = await scale({ config, ...engines, dataset: await loadRunDataset(config, 'test') });
      const { draft, target } = engines.profile!.ledgers();
      const computed = (kinds: readonly string[]) =>
        events
          .filter(({ kind }) => kinds.includes(kind))
          .reduce((sum, { promptTokens, cachedTokens, tokens }) => sum + promptTokens - cachedTokens + tokens - 1, 0);
      // The last token of a call is not computed: nobody asks what comes after it.
      expect(draft!.total.rows).to.equal(computed(['draft']));
      expect(target!.total.rows).to.equal(computed(['score', 'target']));
      expect(target!.phases.score!.passes).to.be.greaterThan(0);
      for (const { ops, phases, shape } of [draft!, target!]) {
        for (const phase of Object.values(phases)) expect(phase.betweenSeconds).to.be.within(0, phase.seconds);
        const decoded = ops.filter((op) => op.phase === 'decode');
        expect(decoded.length).to.equal(5 * shape.layers + 4);
        for (const { seconds, gflops } of decoded)
          expect([seconds, gflops].every((value) => value! > 0)).to.equal(true);
      }
      const { time, intensity } = summary;
      expect(time.computeSeconds).to.be.closeTo(
        (draft!.total.flops + target!.total.flops) / engines.profile!.roofs.peak,
        1e-12,
      );
      expect(time.computeSeconds! + time.memorySeconds!).to.be.greaterThan(0);
      expect(intensity.asynchronous).to.be.closeTo(
        time.computeSeconds! / (time.memorySeconds! + time.syncWaitSeconds),
        1e-12,
      );
    });
  }
});
