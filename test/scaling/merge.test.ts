import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { AttsError, mergeShards, readRun, type Summary, scale, writeReport } from '../../src/index.js';
import type { RunManifest } from '../../src/runs/index.js';
import { RunLock } from '../../src/runs/lock.js';
import { temporaryFolder, withFs } from '../runs/fixtures.js';
import { contentOf, pairOfBlock, smallRun } from './embedded.js';
import { manifestOfShard, type ShardedChain, writeShards } from './sharded-run.js';

/** What a summary says, without when it was done and in which order. */
function resultOf({ time, throughput, shards, rejection, ...result }: Summary) {
  const { rolling200, martingaleLog10, ...rule } = rejection ?? ({} as NonNullable<Summary['rejection']>);
  return { ...result, rule };
}

const refusalOf = (merge: Promise<unknown>): Promise<AttsError> =>
  merge.then(
    () => Promise.reject(new Error('nothing was refused')),
    (cause: unknown) => (cause instanceof AttsError ? cause : Promise.reject(cause)),
  );

describe('merging the shards of a run', () => {
  const folder = temporaryFolder();
  const out = () => join(folder(), 'merged');

  it('gives every chain once and the accuracy of the run without shards, whatever the number of shards', async () => {
    const chains = fc.array(fc.record({ correct: fc.boolean(), failed: fc.boolean(), finished: fc.nat(100) }), {
      ...{ minLength: 12, maxLength: 12 },
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(chains, fc.integer({ min: 1, max: 6 }), async (written: ShardedChain[], count) => {
        const base = join(folder(), String(run++));
        const [whole] = await writeShards(join(base, 'whole'), written, 0);
        const shards = await writeShards(base, written, count);
        const summary = await mergeShards(shards.toReversed(), join(base, 'merged'));
        const [expected, merged] = [readRun(whole), readRun(join(base, 'merged'))];
        expect(merged.summary).to.deep.equal(summary);
        expect(contentOf(merged.chains)).to.deep.equal(contentOf(expected.chains));
        expect(resultOf(summary)).to.deep.equal(resultOf(expected.summary as Summary));
        expect(summary.shards).to.equal(count);
      }),
      { numRuns: 10 },
    );
  });

  it('keeps the order of decisions within a shard, and orders those of several by time', async () => {
    const written = [5, 9, 3, 4, 8, 1, 7, 2, 6, 0, 11, 10].map((finished) => ({ correct: true, finished }));
    const shards = await writeShards(folder(), written, 2);
    await mergeShards(shards, out());
    const merged = readRun(out()).events.map(({ problem, sample }) => `${problem}.${sample}`);
    for (const shard of shards) {
      const own = readRun(shard).events.map(({ problem, sample }) => `${problem}.${sample}`);
      expect(merged.filter((event) => own.includes(event))).to.deep.equal(own);
    }
    const times = readRun(out()).events.map(({ finished }) => finished);
    // Of shard 1 (problems 0, 2, 4): 5 9 8 1 6 0; of shard 2: 3 4 7 2 11 10.
    expect(times).to.deep.equal([3, 4, 5, 7, 2, 9, 8, 1, 6, 0, 11, 10]);
  });

  it('adds up the bounds of rules that learnt by themselves', async () => {
    const written = Array.from({ length: 12 }, (_, finished) => ({ correct: true, finished }));
    const bounds = [
      { value: 0.2, holds: true },
      { value: 0.5, holds: true },
    ];
    const shards = await writeShards(folder(), written, 2, { bounds, decisions: [30, 10] });
    const { rejection } = await mergeShards(shards, out());
    expect(rejection?.bound?.value).to.be.closeTo((30 * 0.2 + 10 * 0.5) / 40, 1e-12);
    expect(rejection?.bound?.holds).to.equal(true);
    expect(rejection?.calibration).to.equal('online');
  });

  it('refuses what are not all shards of one run, once each, by name, and leaves nothing', async () => {
    const written = Array.from({ length: 12 }, (_, finished) => ({ correct: true, finished }));
    const [first, second, third] = await writeShards(folder(), written, 3);
    const [half] = await writeShards(join(folder(), 'halves'), written, 2);
    const [whole] = await writeShards(join(folder(), 'whole'), written, 0);
    const change = (path: string, changed: Partial<RunManifest>) => {
      const file = join(path, 'run.json');
      const manifest = JSON.parse(readFileSync(file, 'utf8')) as RunManifest;
      writeFileSync(file, JSON.stringify({ ...manifest, ...changed }));
    };
    const [other] = await writeShards(join(folder(), 'other'), written, 3);
    change(other, { config: { ...readRun(other).manifest.config, rejectionRate: 0.2 } });
    const [rebuilt] = await writeShards(join(folder(), 'rebuilt'), written, 3);
    change(rebuilt, { kernelBuild: 'another' });
    const cases: [string[], RegExp][] = [
      [[first, third], /shard 2\/3 is missing; give all 3 runs/],
      [[first, second, third, first], /0 and .*0 are both shard 1\/3/],
      [[first, second, third, whole], /whole.* is no shard: it was run without --shard/],
      [[half, second, third], /1 is shard 2\/3, but .*halves.* 1\/2/],
      [[other, second, third], /rejectionRate 0\.4, .*other.* 0\.2: they are not shards of one run/],
      [[rebuilt, second, third], /kernel build cpu, .*rebuilt.* another: they are not shards of one run/],
      [[first, second, folder()], /is not a run directory/],
    ];
    for (const [paths, says] of cases) {
      const error = await refusalOf(mergeShards(paths, out()));
      expect(error.message).to.match(says);
      expect(error.code).to.equal('config');
    }
    expect(readdirSync(folder()).filter((name) => name.includes('merged'))).to.deep.equal([]);
  });

  it('refuses shards that run, are not finished, or lack a chain, and a directory that exists', async () => {
    const written = Array.from({ length: 12 }, (_, finished) => ({ correct: true, finished }));
    const shards = await writeShards(folder(), written, 2);
    const lock = RunLock.take(shards[1]);
    expect((await refusalOf(mergeShards(shards, out()))).message).to.match(/1 is being written by process/);
    lock.release();
    expect((await refusalOf(mergeShards(shards, folder()))).message).to.match(/exists; choose another --out/);
    const samples = join(shards[0], 'samples.jsonl');
    const lines = readFileSync(samples, 'utf8').split('\n');
    writeFileSync(samples, lines.slice(1).join('\n'));
    expect((await refusalOf(mergeShards(shards, out()))).message).to.match(
      /lacks chain 0 of problem .*run its command/,
    );
    writeFileSync(samples, lines.join('\n'));
    const unfinished = join(folder(), 'unfinished');
    const { RunDirectory } = await import('../../src/runs/index.js');
    RunDirectory.open(unfinished, await manifestOfShard('2/2')).close();
    expect((await refusalOf(mergeShards([shards[0], unfinished], out()))).message).to.match(/is not finished; run its/);
    expect(existsSync(out())).to.equal(false);
    await mergeShards(shards, out());
  });

  it('leaves nothing when the disk is full, and the shards can be merged later', async () => {
    const written = Array.from({ length: 12 }, (_, finished) => ({ correct: true, finished }));
    const shards = await writeShards(folder(), written, 2);
    const full = () => {
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    };
    const before = readdirSync(folder());
    const error = await refusalOf(withFs({ fsyncSync: full }, () => mergeShards(shards, out())));
    expect(error.message).to.match(/no space left/);
    expect(readdirSync(folder())).to.deep.equal(before);
    await mergeShards(shards, out());
  });
});

describe('a run in shards', () => {
  const folder = temporaryFolder();
  const pair = pairOfBlock(4, 4);

  const settings = { limit: 4, samples: 2, turns: 3, calibrationProblems: 4, draftTokens: 16 } as const;

  for (const [calibration, schedule, count] of [
    ['marginal', 'async', 2],
    ['per-question', 'sync', 2],
  ] as const) {
    it(`writes the chains of the run without shards, with ${calibration} and ${schedule}`, async () => {
      const config = smallRun({ ...settings, calibration, schedule });
      const whole = join(folder(), 'whole');
      const { chains, summary } = await scale({ config, ...pair, out: whole });
      const shards: string[] = [];
      for (let index = 1; index <= count; index++) {
        const shard = `${index}/${count}`;
        shards.push(join(folder(), String(index)));
        const part = await scale({ config: { ...config, shard }, ...pair, out: shards[index - 1] });
        expect(part.summary.shard).to.equal(shard);
      }
      const merged = await mergeShards(shards, join(folder(), 'merged'));
      const run = readRun(join(folder(), 'merged'));
      expect(contentOf(run.chains)).to.deep.equal(contentOf(chains));
      const decisions = ({ problem, sample, turn, kind, p, rejected }: (typeof run.events)[number]) =>
        JSON.stringify([problem, sample, turn, kind, p, rejected]);
      expect(run.events.map(decisions).sort()).to.deep.equal(readRun(whole).events.map(decisions).sort());
      const { tokens: ours, ...result } = resultOf(merged);
      const { tokens, ...expected } = resultOf(summary);
      expect(result).to.deep.equal(expected);
      // Which pages were in the cache is a matter of what ran beside.
      expect(ours.draftGenerated).to.equal(tokens.draftGenerated);
      expect(ours.promptComputed + ours.promptCached).to.equal(tokens.promptComputed + tokens.promptCached);
      const bank = (path: string) => {
        const file = join(path, 'bank.json');
        return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as object) : null;
      };
      expect(bank(join(folder(), 'merged'))).to.deep.equal(bank(whole));
      expect(readFileSync(await writeReport(join(folder(), 'merged')), 'utf8')).to.include(
        `merged from ${count} shards`,
      );
    });
  }

  it('learns in every shard by itself, and a merged run is finished: nothing is added to it', async () => {
    const config = smallRun({ ...settings, calibration: 'online' });
    const shards: string[] = [];
    const bounds: number[] = [];
    for (const shard of ['1/2', '2/2']) {
      shards.push(join(folder(), shard[0]));
      const { summary } = await scale({ config: { ...config, shard }, ...pair, out: shards.at(-1) });
      const { perTurn, bound } = summary.rejection as NonNullable<Summary['rejection']>;
      bounds.push(perTurn.reduce((sum, { decisions }) => sum + decisions, 0) * (bound?.value ?? Number.NaN));
    }
    const out = join(folder(), 'merged');
    const { rejection } = await mergeShards(shards, out);
    const decisions = rejection?.perTurn.reduce((sum, turn) => sum + turn.decisions, 0) ?? 0;
    expect(rejection?.bound?.value).to.be.closeTo((bounds[0] + bounds[1]) / decisions, 1e-12);
    expect(rejection?.bound?.holds).to.equal(true);
    expect(Math.abs((rejection?.overall ?? 1) - 0.4)).to.be.at.most(rejection?.bound?.value ?? 0);
    const error = await refusalOf(scale({ config, ...pair, out }));
    expect(error.message).to.match(/was made with shards merged 2, not 0; choose another --out/);
  });
});
