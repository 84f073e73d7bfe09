import { expect } from 'chai';
import { openPair, scale } from '../../src/index.js';
import { contentOf, openEmbeddedPair, pairOfBlock, smallRun } from './embedded.js';

describe('same tokens', () => {
  const pair = pairOfBlock(3, 12);

  for (const policy of ['replace', 'continue'] as const) {
    it(`sync and async write byte-identical chains at concurrency 1, 4 and 16 with a static rule, under ${policy}`, async () => {
      const runs: string[][] = [];
      for (const schedule of ['async', 'sync'] as const) {
        for (const concurrency of [1, 4, 16]) {
          const config = smallRun({ policy, schedule, concurrency, calibration: 'marginal' });
          const { chains } = await scale({ config, ...pair });
          expect(chains).to.have.length(12);
          runs.push(contentOf(chains));
        }
      }
      for (const other of runs.slice(1)) expect(other).to.deep.equal(runs[0]);
      // The decisions are identical by construction (a static rule sees the chunk alone), and both kinds occur.
      expect(runs[0].some((chain) => chain.includes('"rejected":true'))).to.equal(true);
      expect(runs[0].some((chain) => chain.includes('"author":"target"'))).to.equal(true);
    });
  }

  it('models on threads of their own write the chains of models on one device', async () => {
    const config = smallRun({ calibration: 'marginal', concurrency: 16 });
    const separate = await openPair({ draft: config.draft, target: config.target, placement: 'separate', threads: 2 });
    try {
      const shared = await scale({ config, ...pair });
      const apart = await scale({ config, ...pair, ...separate });
      expect(contentOf(apart.chains)).to.deep.equal(contentOf(shared.chains));
    } finally {
      await separate.close();
    }
  });

  it('the smoothed p-value keeps this, and another seed writes other chains', async () => {
    const config = { calibration: 'marginal', pValue: 'smoothed' } as const;
    const a = await scale({ config: smallRun({ ...config, schedule: 'async', concurrency: 16 }), ...pair });
    const b = await scale({ config: smallRun({ ...config, schedule: 'sync', concurrency: 4 }), ...pair });
    const c = await scale({ config: smallRun({ ...config, seed: 8 }), ...pair });
    expect(contentOf(b.chains)).to.deep.equal(contentOf(a.chains));
    expect(contentOf(c.chains)).not.to.deep.equal(contentOf(a.chains));
  });

  it('an online run repeats itself: the order of decisions depends on no clock', async () => {
    const config = smallRun({ calibration: 'online', concurrency: 16 });
    const first = await scale({ config, ...pair });
    const second = await scale({ config, ...pair });
    expect(contentOf(second.chains)).to.deep.equal(contentOf(first.chains));
  });

  it('async waits at no barrier, and sync is measured to', async () => {
    const asynchronous = await scale({ config: smallRun({ calibration: 'marginal', concurrency: 16 }), ...pair });
    const synchronous = await scale({
      config: smallRun({ calibration: 'budget', schedule: 'sync', concurrency: 16 }),
      ...pair,
    });
    expect(synchronous.summary.time.syncWaitSeconds).to.be.greaterThan(0.1);
    expect(asynchronous.summary.time.syncWaitSeconds).to.be.below(synchronous.summary.time.syncWaitSeconds / 20);
  });

  it('every other rule runs, and draft-only and target-only use one model', async () => {
    for (const calibration of ['per-turn', 'per-question', 'aci', 'turn-aci', 'dtaci', 'pid', 'budget'] as const) {
      const { summary } = await scale({ config: smallRun({ calibration }), ...pair });
      expect(summary.rejection?.calibration).to.equal(calibration);
      expect(summary.chains).to.include({ finished: 12, failed: 0 });
    }
    const { draft, target, dataset } = pair;
    const draftOnly = await scale({ config: smallRun({ method: 'draft-only' }), draft, dataset });
    expect(draftOnly.summary.tokens).to.include({ targetGenerated: 0, targetScored: 0 });
    expect(draftOnly.summary).to.include({ target: null, rejection: null });
    const targetOnly = await scale({ config: smallRun({ method: 'target-only' }), target, dataset });
    expect(targetOnly.summary.tokens).to.include({ draftGenerated: 0, targetScored: 0 });
  });
});

describe('rate held', () => {
  it('marginal: the rejections of first chunks lie in the Beta-binomial interval of a disjoint calibration split', async () => {
    const { betaBinomialInterval } = await import('../../src/index.js');
    const pair = await openEmbeddedPair(120, 100);
    // One chain a problem on both sides: chains of one problem are alike, which the law does not allow for.
    const config = smallRun({
      ...{ calibration: 'marginal', samples: 1, turns: 1, concurrency: 64 },
      ...{ calibrationProblems: 100, calibrationSamples: 1 },
    });
    const { events } = await scale({ config, ...pair });
    const first = events.filter(({ kind }) => kind === 'score');
    const rejections = first.filter(({ rejected }) => rejected).length;
    const [low, high] = betaBinomialInterval(first.length, 100, 0.4, 0.99);
    expect(first).to.have.length(120);
    expect(rejections).to.be.within(low, high);
    await pair.draft.close();
    await pair.target.close();
  });

  it('budget: exactly round(α·m) of every problem and turn at a barrier, within 2 of α·m without one', async () => {
    const pair = await openEmbeddedPair(4, 12);
    for (const schedule of ['sync', 'async'] as const) {
      const config = smallRun({ calibration: 'budget', schedule, samples: 6, concurrency: 16 });
      const { events, summary } = await scale({ config, ...pair });
      const groups = new Map<string, boolean[]>();
      for (const { problem, turn, rejected } of events) {
        const key = `${problem} ${turn}`;
        if (rejected !== null) groups.set(key, [...(groups.get(key) ?? []), rejected]);
      }
      for (const group of groups.values()) {
        const spent = group.filter(Boolean).length;
        if (schedule === 'sync') expect(spent).to.equal(Math.round(0.4 * group.length));
        else expect(Math.abs(spent - 0.4 * group.length)).to.be.below(2);
      }
      expect(summary.rejection?.bound?.holds).to.equal(schedule === 'sync' ? undefined : true);
    }
    await pair.draft.close();
    await pair.target.close();
  });

  it('online: the published bound holds after every decision', async () => {
    const pair = await openEmbeddedPair(8, 12);
    const config = smallRun({ calibration: 'online', turns: 15, concurrency: 16, rejectionRate: 0.3 });
    const { events, summary } = await scale({ config, ...pair });
    const rejected = events.filter(({ kind }) => kind === 'score').map((event) => Number(event.rejected));
    expect(rejected.length).to.be.greaterThan(60);
    let sum = 0;
    for (const [i, r] of rejected.entries()) {
      sum += r;
      expect(Math.abs(sum / (i + 1) - 0.3)).to.be.at.most((0.7 + 0.05) / (0.05 * (i + 1)) + 1e-12);
    }
    expect(summary.rejection?.bound?.holds).to.equal(true);
    await pair.draft.close();
    await pair.target.close();
  });
});
