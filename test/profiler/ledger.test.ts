import { expect } from 'chai';
import { openEngines, type RunEngines, runConfigSchema, scale } from '../../src/index.js';
import { Ledger } from '../../src/profiler/ledger.js';
import { modelShapes } from '../../src/profiler/model-shapes.js';
import { passCost } from '../../src/profiler/pass-cost.js';
import { loadRunDataset } from '../../src/scaling/datasets.js';

const stored = { weight: 2, cache: 2 };
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

  it('adds passes up by phase and by op, and both sums are those of the passes', () => {
    const ledger = new Ledger(shape, stored);
    for (const pass of [decode, score, decode]) ledger.add(pass);
    const { phases, ops, total } = ledger.report();
    expect(phases.decode).to.include({
      passes: 2,
      rows: 4,
      seconds: 0.5,
      flops: 2 * passCost(shape, decode, stored).flops,
    });
    expect(phases.score).to.include({ passes: 1, rows: 32, seconds: 0.5 });
    expect(phases.prefill).to.equal(undefined);
    expect(total.flops).to.equal(2 * passCost(shape, decode, stored).flops + passCost(shape, score, stored).flops);
    expect(Object.values(ops).reduce((sum, { flops }) => sum + flops, 0)).to.equal(total.flops);
    expect(ops.tokenLogProb.bytes.weights).to.equal(shape.vocabSize * shape.hiddenSize * 2);
    ledger.clear();
    expect(ledger.report().total.flops).to.equal(0);
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
