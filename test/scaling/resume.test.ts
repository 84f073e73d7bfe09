import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readRun } from '../../src/index.js';
import { atts, temporaryFolder } from '../cli/atts.js';
import { contentOf } from './embedded.js';

const settings = '--policy replace --limit 6 --samples 4 --concurrency 8 --calibration marginal';
const calibration = '--calibration-problems 8 --calibration-samples 1';
const flags = (out: string) => ['run', ...`${settings} ${calibration}`.split(' '), '--out', out];
const run = (out: string, ...more: string[]) => atts([...flags(out), ...more]);

describe('nothing lost', () => {
  const folder = temporaryFolder();

  it('kill -9 in the middle, then the same command: the same samples as an unbroken run', async () => {
    const unbroken = join(folder, 'unbroken');
    expect((await run(unbroken)).code).to.equal(0);
    const broken = join(folder, 'broken');
    for (let kill = 0; kill < 2; kill++) {
      const samples = join(broken, 'samples.jsonl');
      const size = () => (existsSync(samples) ? statSync(samples).size : 0);
      const before = size();
      await atts(flags(broken), () => size() > before + 1000, 'SIGKILL');
      const { length } = readFileSync(samples, 'utf8').split('\n');
      expect(length).to.be.within(1, 24, 'it was killed in the middle');
    }
    expect((await run(broken)).code).to.equal(0);
    expect(contentOf(readRun(broken).chains)).to.deep.equal(contentOf(readRun(unbroken).chains));
    expect(readRun(broken).events.length).to.equal(readRun(unbroken).events.length);
    expect(readRun(broken).summary?.accuracy).to.deep.equal(readRun(unbroken).summary?.accuracy);
  });

  it('refuses to go on with an edited setting, by its name', async () => {
    const { code, stderr } = await run(join(folder, 'unbroken'), '--rejection-rate', '0.2');
    expect(code).to.equal(1);
    expect(stderr.trim().split('\n')).to.have.length(1);
    expect(stderr).to.contain('rejectionRate').and.to.contain('0.4').and.to.contain('0.2');
  });

  it('refuses to go on with other kernels', async () => {
    const out = join(folder, 'unbroken');
    const file = join(out, 'run.json');
    const made = readFileSync(file, 'utf8');
    const { manifest } = readRun(out);
    const [ours] = manifest.kernelBuild.match(/kernels-\w+/) ?? [];
    const other = 'kernels-0123456789ab';
    writeFileSync(file, made.replace(ours!, other));
    const { code, stderr } = await run(out);
    writeFileSync(file, made);
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /^atts: .* was made with kernel build simd .*; choose another --out or use the release and device that made it\n$/,
    );
    expect(stderr).to.contain(other).and.to.contain(ours);
  });

  it('a full disk is one line, and what is there is whole and resumes', async function () {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    const size = (bytes: string, remount = '') =>
      spawnSync('mount', ['-t', 'tmpfs', '-o', `${remount}size=${bytes}`, 'none', disk]);
    // A disk of its own needs the right to mount one.
    if (size('40k').status !== 0) this.skip();
    try {
      const full = await run(join(disk, 'run'));
      expect(full.code).to.equal(1);
      expect(
        full.stderr
          .trim()
          .split('\n')
          .filter((line) => line.startsWith('atts:')),
      ).to.have.length(1);
      expect(full.stderr).to.contain('no space left').and.to.contain('run the same command again');
      expect(readdirSync(join(disk, 'run')).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
      readRun(join(disk, 'run'));
      expect(size('64m', 'remount,').status).to.equal(0);
      expect((await run(join(disk, 'run'))).code).to.equal(0);
      expect(contentOf(readRun(join(disk, 'run')).chains)).to.deep.equal(
        contentOf(readRun(join(folder, 'unbroken')).chains),
      );
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  it('resuming a finished run changes nothing', async () => {
    const out = join(folder, 'unbroken');
    const before = readFileSync(join(out, 'samples.jsonl'), 'utf8');
    expect((await run(out)).code).to.equal(0);
    expect(readFileSync(join(out, 'samples.jsonl'), 'utf8')).to.equal(before);
  });
});
