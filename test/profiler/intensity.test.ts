import { expect } from 'chai';
import {
  callFlops,
  intensityByTurn,
  openEngines,
  type RunEngines,
  runConfigSchema,
  type ScaleResult,
  scale,
} from '../../src/index.js';
import { loadRunDataset } from '../../src/scaling/datasets.js';

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe('intensity of a run', () => {
  let engines: RunEngines;
  let result: ScaleResult;
  before(async () => {
    const config = runConfigSchema.parse({
      ...{ limit: 3, samples: 4, turns: 4, draftTokens: 16, calibration: 'budget', schedule: 'sync' },
      ...{ profile: true, threads: 2 },
    });
    // Roofs as they might be: nothing here depends on their size.
    engines = await openEngines(config, { roofs: { peak: 1e11, bandwidth: 2e10 } });
    result = await scale({ config, ...engines, dataset: await loadRunDataset(config, 'test') });
  });
  after(() => engines.close());

  it('counts in its passes what its tokens cost one by one', () => {
    const { draft, target } = engines.profile!.ledgers();
    for (const [ledger, isDraft] of [
      [draft!, true],
      [target!, false],
    ] as const) {
      const calls = result.events.filter(({ kind }) => (kind === 'draft') === isDraft);
      const ofTokens = sum(calls.map((call) => callFlops(ledger.shape, call)));
      expect(ledger.total.flops / ofTokens).to.be.closeTo(1, 1e-12);
    }
  });

  it('by turn adds up to the whole, and r is what its definition says', () => {
    const { time } = result.summary;
    const turns = intensityByTurn(result.events, engines.profile!.ledgers(), engines.profile!.roofs);
    expect(turns.map(({ turn }) => turn)).to.deep.equal([0, 1, 2, 3]);
    expect(sum(turns.map(({ computeSeconds }) => computeSeconds))).to.be.closeTo(time.computeSeconds!, 1e-9);
    expect(sum(turns.map(({ memorySeconds }) => memorySeconds))).to.be.closeTo(time.memorySeconds!, 1e-9);
    // What a chain waits for after its last call belongs to no call.
    expect(sum(turns.map(({ barrierSeconds }) => barrierSeconds))).to.be.within(0, time.syncWaitSeconds + 1e-9);
    for (const { r, computeSeconds, memorySeconds, barrierSeconds } of turns) {
      expect(r).to.be.closeTo(computeSeconds / (memorySeconds + barrierSeconds), 1e-12);
    }
  });
});
