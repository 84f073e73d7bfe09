import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { openEngines, readRun, runConfigSchema, scale } from '../../src/index.js';
import type { ModelCallEvent } from '../../src/runs/records.js';
import { loadRunDataset } from '../../src/scaling/datasets.js';
import {
  aloneWork,
  type ChainWork,
  recordedWork,
  runTimes,
  type SimulationOptions,
  simulate,
  syntheticWork,
} from '../../src/simulate/index.js';

const chain = (sample: number, turns: ChainWork['turns'], problem = 'p'): ChainWork => ({
  ...{ problem, sample, promptTokens: 10, turns },
});
const options = (chains: readonly ChainWork[], changes: Partial<SimulationOptions> = {}): SimulationOptions => ({
  ...{ chains, schedule: 'async', policy: 'replace', concurrency: 64, placement: 'separate' },
  ...{ draft: () => 1, target: () => 10 },
  ...changes,
});
const workload = (changes: object = {}) =>
  syntheticWork({
    ...{ problems: 2, samples: 8, draftTokens: 50, targetTokens: 50, promptTokens: 20, chainTokens: 300 },
    ...{ spread: 0.5, rejectionRate: 0.4, turns: 15, seed: 1, ...changes },
  });

describe('simulation of a run', () => {
  it('one chain takes the sum of its passes: a token a pass, a score in one', async () => {
    const work = [
      chain(0, [
        { draft: 5, scored: 5, target: 0 },
        { draft: 5, scored: 5, target: 3 },
      ]),
    ];
    for (const schedule of ['sync', 'async'] as const) {
      for (const placement of ['shared', 'separate'] as const) {
        const { wallSeconds, passes, barrierSeconds } = await simulate(options(work, { schedule, placement }));
        expect(wallSeconds).to.equal(10 * 1 + (2 + 3) * 10);
        expect(passes).to.deep.equal({ draft: 10, target: 5 });
        expect(barrierSeconds).to.equal(0);
      }
    }
  });

  it('computes a prompt once for all chains of a problem, and what the other model wrote before going on', async () => {
    const rows: Record<'draft' | 'target', number> = { draft: 0, target: 0 };
    const count = (model: 'draft' | 'target') => (pass: Parameters<SimulationOptions['draft']>[0]) => {
      rows[model] += pass.sequences.reduce((sum, sequence) => sum + sequence.rows, 0);
      return 1;
    };
    const turns = [
      { draft: 5, scored: 5, target: 4 },
      { draft: 5, scored: 5, target: 0 },
    ];
    const two = [chain(0, turns), chain(1, turns)].map((work) => ({ ...work, promptTokens: 40 }));
    await simulate(options(two, { draft: count('draft'), target: count('target') }));
    // Draft: the prompt, then a row a token but the first of each call; before the second call the target's four tokens.
    expect(rows.draft).to.equal(40 + 1 + 2 * (4 + 4 + 4));
    // Target: the prompt, two scores of five; a token's first row has at least the one before it to compute.
    expect(rows.target).to.equal(40 + 2 * (5 + 4 + 5));
  });

  it('chains of a problem wait one pass for the one that computes their prompt, unless it is shorter than a page', async () => {
    for (const [promptTokens, queueSeconds] of [
      [40, 3],
      [10, 0],
    ]) {
      const work = [0, 1, 2, 3].map((sample) => ({
        ...chain(sample, [{ draft: 5, scored: 0, target: 0 }]),
        promptTokens,
      }));
      expect((await simulate(options(work))).queueSeconds).to.equal(queueSeconds);
    }
  });

  it('what has begun goes on before scores and generations that wait, and scores before generations', async () => {
    const order: string[] = [];
    const target: SimulationOptions['target'] = ({ sequences, sampled, scored }) => {
      order.push(`${sequences.length} ${sampled} ${scored}`);
      return 1;
    };
    // The first is writing when the long score of the second comes, which takes two passes beside it.
    const work = [chain(0, [{ draft: 0, scored: 0, target: 4 }]), chain(1, [{ draft: 1, scored: 600, target: 0 }])];
    await simulate(options(work, { target }));
    expect(order).to.deep.equal(['1 1 0', '2 1 511', '2 1 89', '1 1 0']);
  });

  it('a device is never busy longer than the run, and runs whatever waits for it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1000 }), fc.constantFrom(1, 4, 16), async (seed, concurrency) => {
        const chains = workload({ seed });
        for (const placement of ['shared', 'separate'] as const) {
          for (const schedule of ['sync', 'async'] as const) {
            const result = await simulate(options(chains, { concurrency, placement, schedule }));
            const { draft, target } = result.busySeconds;
            expect(Math.max(draft, target)).to.be.at.most(result.wallSeconds + 1e-9);
            // One device with work at every moment is busy all the time.
            if (placement === 'shared') expect(draft + target).to.be.closeTo(result.wallSeconds, 1e-6);
            if (schedule === 'async') expect(result.barrierSeconds).to.equal(0);
          }
        }
      }),
      { numRuns: 8 },
    );
  });

  it('waiting at barriers grows with the chains of a problem; without barriers there is none', async () => {
    const waits: number[] = [];
    for (const samples of [1, 4, 16, 64]) {
      const chains = workload({ problems: 4, samples });
      const sync = await simulate(options(chains, { schedule: 'sync', concurrency: samples }));
      const async = await simulate(options(chains, { concurrency: samples }));
      waits.push(sync.barrierSeconds / chains.length);
      expect(async.barrierSeconds).to.equal(0);
      expect(async.wallSeconds).to.be.at.most(sync.wallSeconds);
    }
    expect(waits[0]).to.equal(0);
    expect(waits).to.deep.equal([...waits].sort((a, b) => a - b));
  });

  it('reads the work of a recorded run: tokens a turn, the prompt once', () => {
    const event = (
      turn: number,
      kind: ModelCallEvent['kind'],
      tokens: number,
      promptTokens: number,
    ): ModelCallEvent => ({
      ...{ problem: 'a', sample: 0, turn, kind, tokens, promptTokens, cachedTokens: 0 },
      ...{ queued: 0, started: 0, finished: 0, score: null, p: null, alpha: null, rejected: null, barrier: 0 },
    });
    const events = [
      event(0, 'draft', 32, 20),
      event(0, 'score', 32, 20),
      event(0, 'target', 30, 20),
      event(1, 'draft', 7, 50),
    ];
    expect(recordedWork(events)).to.deep.equal([
      {
        ...{ problem: 'a', sample: 0, promptTokens: 20 },
        turns: [
          { draft: 32, scored: 32, target: 30 },
          { draft: 7, scored: 0, target: 0 },
        ],
      },
    ]);
  });

  it('synthetic chains repeat by seed, keep their mean length, and one model alone writes as many tokens', () => {
    const chains = workload({ problems: 200, chainTokens: 100 });
    expect(chains).to.deep.equal(workload({ problems: 200, chainTokens: 100 }));
    const kept = (work: readonly ChainWork[]) =>
      work.flatMap(({ turns }) => turns).reduce((sum, { draft, target }) => sum + (target > 0 ? target : draft), 0);
    // 1,600 chains of coefficient of variation √(e^0.25 − 1) = 0.53: the mean is within four standard errors.
    expect(kept(chains) / chains.length).to.be.closeTo(100, (4 * 53) / Math.sqrt(chains.length));
    expect(kept(aloneWork(chains, 'target'))).to.equal(kept(chains));
  });
});

describe('simulation with what was measured', () => {
  it('takes the work between passes: a pass, a call that ended, a chain that is written', async () => {
    const host = { passSeconds: 0.1, callSeconds: 0.01, chainSeconds: 0.001 };
    const work = [chain(0, [{ draft: 5, scored: 5, target: 3 }])];
    const shared = await simulate(options(work, { placement: 'shared', host: { draft: host, target: host } }));
    // Nine passes, three calls, one chain; the last call's and the chain's own work end the run.
    expect(shared.wallSeconds).to.be.closeTo(5 + 4 * 10 + 10 * 0.1 + 3 * 0.01 + 0.001, 1e-9);
    const separate = await simulate(options(work, { latencySeconds: 0.5 }));
    expect(separate.wallSeconds).to.be.closeTo(5 + 4 * 10 + 3 * 0.5, 1e-9);
  });

  it('predicts a run from its own passes', async () => {
    const config = runConfigSchema.parse({
      ...{
        limit: 2,
        samples: 4,
        turns: 4,
        policy: 'replace',
        schedule: 'sync',
        calibration: 'budget',
        profile: true,
        threads: 1,
      },
    });
    const out = mkdtempSync(join(tmpdir(), 'atts-simulate-'));
    const engines = await openEngines(config, { roofs: { peak: 1e11, bandwidth: 2e10 } });
    try {
      const dataset = await loadRunDataset(config, 'test');
      const { summary, events } = await scale({ config, ...engines, dataset, out });
      const { schedule, policy, concurrency } = config;
      const times = runTimes(readRun(out));
      const predicted = await simulate({ chains: recordedWork(events), schedule, policy, concurrency, ...times });
      expect(predicted.wallSeconds / summary.time.wallSeconds).to.be.within(0.75, 1.25);
      const ran = engines.profile!.ledgers().target!.total.passes;
      expect(predicted.passes.target / ran).to.be.within(0.85, 1.15);
    } finally {
      await engines.close();
      rmSync(out, { recursive: true });
    }
  });
});
