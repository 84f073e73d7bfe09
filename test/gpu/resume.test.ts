import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { chooseBackend, kernelBuild } from '../../kernels/backends/choose.js';
import { readRun } from '../../src/index.js';
import { atts } from '../cli/atts.js';
import { temporaryFolder } from '../runs/fixtures.js';
import { contentOf } from '../scaling/embedded.js';

const pathOf = (module: string) => fileURLToPath(new URL(module, import.meta.url));
const cli = pathOf('../../src/cli/main.js');
const settings =
  '--backend webgpu --policy replace --calibration marginal --limit 2 --samples 2 --turns 2 --draft-tokens 8 --target-tokens 8';
const small = '--calibration-problems 2 --calibration-samples 1 --memory 16 --concurrency 2';
const flags = (out: string) => ['run', ...`${settings} ${small}`.split(' '), '--out', out];

/** Whether a chain is on the disk. */
const hasBegun = (out: string) => {
  const samples = join(out, 'samples.jsonl');
  return existsSync(samples) && statSync(samples).size > 0;
};

function run(out: string, { isLosing = false } = {}) {
  const losing = isLosing ? ['--import', pathOf('losing.js')] : [];
  const env = { ...process.env, ATTS_LOSE_AFTER: join(out, 'samples.jsonl') };
  return spawnSync(process.execPath, [...losing, cli, ...flags(out)], { encoding: 'utf8', env });
}

describe('a run on webgpu that was cut off', () => {
  const folder = temporaryFolder();

  it('goes on by the same command to the samples of an unbroken one: after kill -9, and after its device was gone', async function () {
    // Every process compiles its programs; this adapter keeps none, and takes a minute for them.
    const build = kernelBuild(await chooseBackend('webgpu'));
    if (/swiftshader/i.test(build)) this.skip();
    const [unbroken, killed, bereft] = ['unbroken', 'killed', 'bereft'].map((name) => join(folder(), name));
    expect(run(unbroken).status).to.equal(0);
    const expected = contentOf(readRun(unbroken).chains);
    expect(expected).to.have.length(4);

    await atts(flags(killed), () => hasBegun(killed), 'SIGKILL');
    expect(readRun(killed).chains, 'killed in the middle').to.have.lengthOf.within(1, 3);
    expect(run(killed).status).to.equal(0);
    expect(contentOf(readRun(killed).chains)).to.deep.equal(expected);

    const { status, stderr } = run(bereft, { isLosing: true });
    expect(status).to.equal(1);
    const told = stderr.split('\n').filter((line) => line.startsWith('atts:'));
    expect(told).to.have.length(1);
    expect(told[0]).to.match(/^atts: abacus-[\w.-]+: the GPU was lost and none opens; start the command again/);
    const before = readRun(bereft).chains;
    expect(
      before.map(({ status }) => status),
      'lost in the middle',
    )
      .to.include('finished')
      .and.not.include('failed');
    expect(before).to.have.lengthOf.below(4);
    expect(run(bereft).status).to.equal(0);
    expect(contentOf(readRun(bereft).chains)).to.deep.equal(expected);
  });
});
