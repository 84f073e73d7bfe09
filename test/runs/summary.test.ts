import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  describeMachine,
  describeVersions,
  RunDirectory,
  readRun,
  runConfigSchema,
  type Summary,
  summarise,
} from '../../src/runs/index.js';
import { chain, event, manifest, refusal, temporaryFolder } from './fixtures.js';

const accuracy = {
  mean: 0.5,
  ci95: [0.2, 0.8] as [number, number],
  passAt: { 1: 0.5, 2: 1 },
  majAt: { 1: 0.5, 2: 0.5 },
  passAtCi95: { 1: [0.2, 0.8], 2: [1, 1] } as Record<string, [number, number]>,
  majAtCi95: { 1: [0.2, 0.8], 2: [0, 1] } as Record<string, [number, number]>,
};
const rejection: Summary['rejection'] = {
  ...{ wanted: 0.4, overall: 0.5, perTurn: [{ turn: 0, decisions: 2, rate: 0.5 }], rolling200: { min: 0.4, max: 0.5 } },
  ...{ bound: { value: 0.1, holds: true }, ks: { d: 0.1, p: 0.6 }, martingaleLog10: -0.3, calibration: 'online' },
};

function summary(over: Partial<Parameters<typeof summarise>[0]> = {}): Summary {
  return summarise({
    ...{ config: runConfigSchema.parse({ samples: 2, seed: 9 }), dataset: 'abacus', problems: 2 },
    chains: [
      chain({ barrier: 500 }),
      chain({ sample: 1, answer: null, correct: false, barrier: 250 }),
      chain({ problem: 'p1', status: 'failed', error: 'no score', answer: null, correct: false }),
    ],
    events: [
      event({ kind: 'draft', tokens: 8, promptTokens: 10, cachedTokens: 4, queued: 0, started: 100 }),
      event({ kind: 'draft', tokens: 2, promptTokens: 20, cachedTokens: 20, queued: 5, started: 5 }),
      event({ kind: 'score', tokens: 10, promptTokens: 10, cachedTokens: 0, queued: 100, started: 500 }),
      event({ kind: 'target', tokens: 5, promptTokens: 18, cachedTokens: 16, queued: 7, started: 7 }),
    ],
    ...{ wallSeconds: 5, accuracy, rejection, work: null },
    ...over,
  });
}

describe('the summary of a run', () => {
  const folder = temporaryFolder();

  it('has exactly the promised keys', () => {
    // design.md, section 4, written out: users' scripts rely on these names.
    const promised: [string, string[]][] = [
      ['', 'schema method schedule draft target dataset problems samples seed'.split(' ')],
      ['accuracy', ['mean', 'ci95', 'passAt', 'majAt', 'passAtCi95', 'majAtCi95']],
      ['rejection', 'wanted overall perTurn rolling200 bound ks martingaleLog10 calibration'.split(' ')],
      ['tokens', ['draftGenerated', 'targetGenerated', 'targetScored', 'promptComputed', 'promptCached']],
      ['time', ['wallSeconds', 'computeSeconds', 'memorySeconds', 'syncWaitSeconds', 'queueWaitSeconds']],
      ['intensity', ['classical', 'asynchronous']],
      ['throughput', ['tokensPerSecond', 'chainsPerSecond']],
      ['chains', ['finished', 'failed', 'unanswered']],
    ];
    const made = JSON.parse(JSON.stringify(summary()));
    expect(Object.keys(made)).to.have.members([...promised[0][1], ...promised.slice(1).map(([name]) => name)]);
    for (const [name, keys] of promised.slice(1)) expect(made[name], name).to.have.all.keys(keys);
  });

  it('counts tokens by who made them and prompts by whether they were computed', () => {
    expect(summary().tokens).to.deep.equal({
      ...{ draftGenerated: 10, targetGenerated: 5, targetScored: 10 },
      ...{ promptComputed: 18, promptCached: 40 },
    });
  });

  it('measures waiting in seconds and throughput against the wall; what nothing measured is null', () => {
    const { time, throughput, intensity } = summary();
    expect(time).to.deep.equal({
      ...{ wallSeconds: 5, computeSeconds: null, memorySeconds: null },
      ...{ syncWaitSeconds: 0.75, queueWaitSeconds: 0.5 },
    });
    expect(throughput).to.deep.equal({ tokensPerSecond: 3, chainsPerSecond: 0.4 });
    expect(intensity).to.deep.equal({ classical: null, asynchronous: null });
  });

  it('weighs arithmetic against bytes, and against bytes and barriers, where passes were counted', () => {
    const { time, intensity } = summary({ work: { flops: 12e9, bytes: 4e9, computeSeconds: 2, memorySeconds: 0.25 } });
    expect(time).to.include({ computeSeconds: 2, memorySeconds: 0.25 });
    // r = T_c / (T_m + T_s), with 0.75 s at barriers.
    expect(intensity).to.deep.equal({ classical: 3, asynchronous: 2 });
  });

  it('counts failed chains apart and unanswered ones among the finished', () => {
    expect(summary().chains).to.deep.equal({ finished: 2, failed: 1, unanswered: 1 });
  });

  it('names no model that the method does not use', () => {
    const of = (method: string) => summary({ config: runConfigSchema.parse({ method, draft: 'd', target: 't' }) });
    expect(of('atts')).to.include({ draft: 'd', target: 't' });
    expect(of('draft-only')).to.include({ draft: 'd', target: null });
    expect(of('target-only')).to.include({ draft: null, target: 't' });
  });

  it('is strict JSON for a run without a chain, in no time', () => {
    const empty = summary({ chains: [], events: [], wallSeconds: 0, rejection: null });
    expect(empty.throughput).to.deep.equal({ tokensPerSecond: 0, chainsPerSecond: 0 });
  });

  it('reads back from the directory as it was written', () => {
    const path = join(folder(), 'run');
    const run = RunDirectory.open(path, manifest());
    run.recordEvent(event());
    run.recordChain(chain());
    run.writeSummary(summary());
    expect(refusal(() => run.writeSummary({ ...summary(), seed: Number.NaN })).message).to.contain('seed is NaN');
    run.close();
    expect(readRun(path)).to.deep.equal({
      ...{ path, manifest: manifest(), chains: [chain()], events: [event()], summary: summary() },
    });
    writeFileSync(join(path, 'summary.json'), '{"schema":"atts.summary/1"}');
    const error = refusal(() => readRun(path));
    expect(error.message).to.contain(`${join(path, 'summary.json')} is not a summary`);
    expect(error.message).to.not.contain('\n');
  });
});

describe('the machine of a run', () => {
  it('is described in terms a manifest accepts, with the versions in use', () => {
    const folderless = manifest({ machine: describeMachine(), versions: describeVersions() });
    expect(folderless.machine.cores).to.be.greaterThan(0);
    expect(folderless.versions.node).to.equal(process.versions.node);
    expect(folderless.versions.atts).to.match(/^\d+\.\d+\.\d+/);
    expect(folderless.versions.tfjs).to.match(/^4\./);
  });
});
