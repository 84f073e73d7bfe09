import fs, { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { writeFileAtomic } from '../../src/atomic-file.js';
import { RunDirectory, type RunManifest, readManifest, readRun } from '../../src/runs/index.js';
import { chain, event, manifest, refusal, temporaryFolder, withFs } from './fixtures.js';

describe('a run directory', () => {
  const folder = temporaryFolder();
  const path = () => join(folder(), 'runs', 'x');

  it('has a finished chain, and its events before it, on the disk before it counts', function () {
    if (process.platform !== 'linux') this.skip(); // descriptors are named through /proc
    const run = RunDirectory.open(path(), manifest());
    const names = new Map<number, string>();
    const steps: string[] = [];
    const { writeSync, fsyncSync } = fs;
    const nameOf = (descriptor: number) => {
      const name = names.get(descriptor) ?? fs.readlinkSync(`/proc/self/fd/${descriptor}`).split('/').at(-1);
      names.set(descriptor, String(name));
      return name;
    };
    withFs(
      {
        writeSync: ((descriptor: number, ...rest: [Buffer, number]) => {
          steps.push(`write ${nameOf(descriptor)}`);
          return writeSync(descriptor, ...rest);
        }) as typeof fs.writeSync,
        fsyncSync: (descriptor) => {
          steps.push(`sync ${nameOf(descriptor)}`);
          fsyncSync(descriptor);
        },
      },
      () => {
        run.recordEvent(event());
        run.recordChain(chain());
      },
    );
    run.close();
    expect(steps).to.deep.equal([
      'write events.jsonl',
      'sync events.jsonl',
      'write samples.jsonl',
      'sync samples.jsonl',
    ]);
  });

  it('resumes with finished chains and their events; unfinished and failed ones are dropped, files included', () => {
    const first = RunDirectory.open(path(), manifest());
    first.recordEvent(event({ sample: 0, finished: 5 }));
    first.recordEvent(event({ sample: 1, finished: 20 }));
    first.recordEvent(event({ sample: 2, finished: 70 }));
    first.recordChain(chain({ sample: 0, finished: 10 }));
    first.recordChain(chain({ sample: 1, finished: 30, status: 'failed', error: 'no score' }));
    first.close();
    const second = RunDirectory.open(path(), manifest());
    expect(second.finished).to.deep.equal([chain({ sample: 0, finished: 10 })]);
    expect(second.events).to.deep.equal([event({ sample: 0, finished: 5 })]);
    expect(second.elapsed).to.equal(70);
    second.recordEvent(event({ sample: 1, finished: 80 }));
    second.recordChain(chain({ sample: 1, finished: 81 }));
    second.close();
    const { chains, events } = readRun(path());
    expect(chains.map(({ sample, status }) => [sample, status])).to.deep.equal([
      [0, 'finished'],
      [1, 'finished'],
    ]);
    expect(events.map(({ sample }) => sample)).to.deep.equal([0, 1]);
  });

  it('leaves the files of a finished run alone when it is opened again', () => {
    const first = RunDirectory.open(path(), manifest());
    first.recordEvent(event());
    first.recordChain(chain());
    first.close();
    const contents = () => readdirSync(path()).map((name) => [name, readFileSync(join(path(), name), 'utf8')]);
    const before = contents();
    RunDirectory.open(path(), manifest({ created: '2027-01-01T00:00:00.000Z' })).close();
    expect(contents()).to.deep.equal(before);
    expect(before.map(([name]) => name)).to.deep.equal(['events.jsonl', 'run.json', 'samples.jsonl']);
  });

  it('refuses another setting by the name of the field, with both values', () => {
    RunDirectory.open(path(), manifest()).close();
    const base = manifest();
    const others: [Partial<RunManifest>, string, string?][] = [
      [{ config: { ...base.config, rejectionRate: 0.2 } }, 'rejectionRate 0.4, not 0.2'],
      [{ config: { ...base.config, cue: 'Wait' } }, 'cue null, not Wait'],
      [{ draft: { id: 'd', hash: 'd1', fingerprint: 't' } }, 'draft checkpoint d0, not d1'],
      [{ target: { id: 't', hash: 't0', fingerprint: 'u' } }, 'target tokenizer t, not u'],
      [{ dataset: { name: 'abacus', hash: 'xyz', problems: 2 } }, 'dataset contents abc, not xyz'],
      [{ kernelBuild: 'wasm' }, 'kernel build cpu, not wasm', 'use the release and device that made it'],
    ];
    for (const [other, difference, cure = 'restore the setting'] of others) {
      const { code, message } = refusal(() => RunDirectory.open(path(), manifest(other)));
      expect(code).to.equal('config');
      expect(message).to.equal(`${path()} was made with ${difference}; choose another --out or ${cure}`);
    }
    expect(existsSync(join(path(), 'lock'))).to.equal(false);
  });

  it('refuses another score bank; a bank whose hash was not taken is not compared', () => {
    RunDirectory.open(path(), manifest({ bankHash: 'b0' })).close();
    const { message } = refusal(() => RunDirectory.open(path(), manifest({ bankHash: 'b1' })));
    expect(message).to.contain('score bank b0, not b1');
    RunDirectory.open(path(), manifest()).close();
  });

  it('finds every field of the configuration decisive but threads, memory and the profile, which change no chain', () => {
    RunDirectory.open(path(), manifest()).close();
    const { config } = manifest();
    const free = { threads: 7, memory: 64, profile: true };
    RunDirectory.open(path(), manifest({ config: { ...config, ...free } })).close();
    expect(readManifest(path()).notes?.join()).to.contain('memory 64 (was 512)');
    for (const field of Object.keys(config).filter((name) => !(name in free))) {
      const other = manifest({ config: { ...config, [field]: 'another' as never } });
      expect(refusal(() => RunDirectory.open(path(), other)).message).to.contain(`was made with ${field} `);
    }
  });

  it('goes on with other servers of the same model, and refuses another model on them', () => {
    const { config } = manifest();
    const on = (draft: string) => manifest({ config: { ...config, draft } });
    RunDirectory.open(path(), on('vllm://a:8000#m')).close();
    RunDirectory.open(path(), on('vllm://b:8000,c:8000#m')).close();
    for (const other of ['vllm://a:8000#n', 'openai+http://a:8000/v1#m', 'sglang://a:8000']) {
      const { code, message } = refusal(() => RunDirectory.open(path(), on(other)));
      expect(code).to.equal('config');
      expect(message).to.contain('draft vllm://…#m');
    }
  });

  it('refuses a setting that was edited in run.json', () => {
    RunDirectory.open(path(), manifest()).close();
    const file = join(path(), 'run.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"turns": 15', '"turns": 3'));
    const { message } = refusal(() => RunDirectory.open(path(), manifest()));
    expect(message).to.contain('turns 3, not 15');
    writeFileSync(file, '{"schema":');
    expect(refusal(() => RunDirectory.open(path(), manifest())).message).to.contain('is not a manifest');
  });

  it('notes another release or machine and goes on', () => {
    RunDirectory.open(path(), manifest()).close();
    const versions = { ...manifest().versions, node: '22.1.0' };
    RunDirectory.open(path(), manifest({ versions, created: '2026-02-02T00:00:00.000Z' })).close();
    const resumed = readManifest(path());
    expect(resumed.notes).to.deep.equal(['2026-02-02T00:00:00.000Z resumed with node 22.1.0 (was 20.0.0)']);
    expect({ ...resumed, notes: undefined }).to.deep.equal({ ...manifest(), notes: undefined });
  });

  it('refuses a folder that holds something else, and writes nothing into it', () => {
    mkdirSync(path(), { recursive: true });
    writeFileSync(join(path(), 'thesis.tex'), '');
    const { code, message } = refusal(() => RunDirectory.open(path(), manifest()));
    expect(code).to.equal('config');
    expect(message).to.contain('is not a run directory (it holds thesis.tex)');
    expect(readdirSync(path())).to.deep.equal(['thesis.tex']);
    expect(refusal(() => readRun(path())).message).to.contain('is not a run directory');
    const occupied = refusal(() => RunDirectory.open(join(path(), 'thesis.tex'), manifest()));
    expect(occupied.code).to.equal('io');
    expect(occupied.message).to.not.contain('\n');
  });

  it('begins anew in what a process left that was killed before its manifest was in place', () => {
    mkdirSync(path(), { recursive: true });
    writeFileSync(join(path(), 'lock'), '999999999 1');
    writeFileSync(join(path(), 'run.json.999999999.tmp'), '{"sch');
    RunDirectory.open(path(), manifest()).close();
    expect(readdirSync(path())).to.deep.equal(['events.jsonl', 'run.json', 'samples.jsonl']);
  });

  it('forgets the summary of a run whose failed chains are tried again', () => {
    const run = RunDirectory.open(path(), manifest());
    run.recordChain(chain({ status: 'failed', error: 'no score' }));
    run.close();
    writeFileSync(join(path(), 'summary.json'), '{}');
    RunDirectory.open(path(), manifest()).close();
    expect(readRun(path()).summary).to.equal(null);
  });

  it('ends with one line on a full disk, counts no chain of it, and resumes once there is room', function () {
    if (!existsSync('/dev/full')) this.skip();
    RunDirectory.open(path(), manifest()).close();
    const log = join(path(), 'events.jsonl');
    rmSync(log);
    symlinkSync('/dev/full', log);
    const run = RunDirectory.open(path(), manifest());
    const full = `cannot write ${log}: no space left on device; free some space and run the same command again to resume`;
    const onEvent = refusal(() => run.recordEvent(event()));
    expect(onEvent.code).to.equal('io');
    expect(onEvent.message).to.equal(full);
    expect(refusal(() => run.recordChain(chain())).message).to.equal(full);
    run.close();
    expect(readFileSync(join(path(), 'samples.jsonl'), 'utf8')).to.equal('');
    rmSync(log);
    const resumed = RunDirectory.open(path(), manifest());
    resumed.recordEvent(event());
    resumed.recordChain(chain());
    resumed.close();
    expect(readRun(path()).chains).to.deep.equal([chain()]);
  });
});

describe('an atomic write', () => {
  const folder = temporaryFolder();

  it('leaves the old file and no temporary one when it fails', () => {
    const file = join(folder(), 'summary.json');
    writeFileAtomic(file, 'old');
    const fails = () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, fsync'), { code: 'ENOSPC' });
    };
    const error = withFs({ fsyncSync: fails }, () => refusal(() => writeFileAtomic(file, 'new')));
    expect(error.code).to.equal('io');
    expect(error.message).to.contain(`cannot write ${file}: no space left on device`);
    expect(readFileSync(file, 'utf8')).to.equal('old');
    expect(readdirSync(folder())).to.deep.equal(['summary.json']);
  });
});
