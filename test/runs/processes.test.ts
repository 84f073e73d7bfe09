import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { RunDirectory, readRun } from '../../src/runs/index.js';
import { manifest, refusal, temporaryFolder } from './fixtures.js';

const program = fileURLToPath(new URL('./writer-process.js', import.meta.url));

interface Writer {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  out: string;
  err: string;
  readonly ended: Promise<unknown>;
}

function start(path: string, task: 'write' | 'hold'): Writer {
  const child = spawn(process.execPath, [program, path, task], { stdio: ['ignore', 'pipe', 'pipe'] });
  const writer: Writer = { process: child, out: '', err: '', ended: once(child, 'close') };
  child.stdout.on('data', (data) => {
    writer.out += data;
  });
  child.stderr.on('data', (data) => {
    writer.err += data;
  });
  return writer;
}

async function until(condition: () => boolean): Promise<void> {
  for (const limit = Date.now() + 30_000; !condition(); ) {
    if (Date.now() > limit) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('a run killed with kill -9', () => {
  const folder = temporaryFolder();

  it('keeps every chain that counted, with its events, and resumes, however often it is killed', async () => {
    const path = join(folder(), 'run');
    let before = 0;
    for (let round = 0; round < 4; round++) {
      const writer = start(path, 'write');
      await until(() => writer.out.split('\n').length > 4 || writer.err !== '');
      await new Promise((resolve) => setTimeout(resolve, 7 * round));
      writer.process.kill('SIGKILL');
      await writer.ended;
      expect(writer.err).to.equal('');
      const counted = writer.out.split('\n').slice(1, -1).map(Number);
      const { chains, events } = readRun(path);
      expect(counted[0]).to.equal(before);
      expect(chains.map(({ sample }) => sample)).to.deep.equal(chains.map((_, index) => index));
      expect(chains.length).to.be.at.least(before + counted.length);
      for (const { sample } of chains) {
        expect(events.filter((event) => event.sample === sample).length).to.equal(5);
      }
      before = chains.length;
    }
  }).timeout(120_000);

  it('leaves whole lines and at most one torn one', async () => {
    const path = join(folder(), 'run');
    const writer = start(path, 'write');
    await until(() => writer.out.split('\n').length > 20 || writer.err !== '');
    writer.process.kill('SIGKILL');
    await writer.ended;
    for (const name of ['events.jsonl', 'samples.jsonl']) {
      const whole = readFileSync(join(path, name), 'utf8').split('\n').slice(0, -1);
      expect(whole.length).to.be.at.least(19);
      for (const line of whole) expect(JSON.parse(line)).to.include({ problem: 'p0' });
    }
  }).timeout(60_000);
});

describe('two processes on one run', () => {
  const folder = temporaryFolder();

  it('refuses the second in one line that names the first; the lock of a killed process is taken over', async () => {
    const path = join(folder(), 'run');
    const first = start(path, 'hold');
    await until(() => first.out !== '' || first.err !== '');
    const second = start(path, 'hold');
    await second.ended;
    expect(second.process.exitCode).to.equal(1);
    expect(second.err).to.equal(
      `${path} is being written by process ${first.process.pid}; wait for it or choose another --out\n`,
    );
    first.process.kill('SIGKILL');
    await first.ended;
    RunDirectory.open(path, manifest()).close();
  }).timeout(60_000);

  it('lets exactly one of many take over the lock of a process that is gone', async () => {
    const path = join(folder(), 'run');
    RunDirectory.open(path, manifest()).close();
    writeFileSync(join(path, 'lock'), '999999999 1');
    const writers = Array.from({ length: 4 }, () => start(path, 'hold'));
    await until(() => writers.every(({ out, err }) => out + err !== ''));
    const winners = writers.filter(({ out }) => out === 'open\n');
    for (const { process: child } of writers) child.kill('SIGKILL');
    await Promise.all(writers.map(({ ended }) => ended));
    expect(winners.length).to.equal(1);
  }).timeout(60_000);

  it('refuses a second writer in the same process too', () => {
    const path = join(folder(), 'run');
    const first = RunDirectory.open(path, manifest());
    expect(refusal(() => RunDirectory.open(path, manifest())).message).to.contain('is being written by process');
    first.close();
    RunDirectory.open(path, manifest()).close();
  });

  it('takes over a lock that names another process by a recycled id, or nobody', function () {
    if (process.platform !== 'linux') this.skip(); // the start time of a process is read from /proc
    const path = join(folder(), 'run');
    RunDirectory.open(path, manifest()).close();
    for (const text of [`${process.ppid} 1`, '', 'nonsense', `${process.pid} 1`]) {
      writeFileSync(join(path, 'lock'), text);
      RunDirectory.open(path, manifest()).close();
    }
  });
});
