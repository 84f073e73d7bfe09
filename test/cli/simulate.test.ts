import { join } from 'node:path';
import { expect } from 'chai';
import { openEngines, runConfigSchema, scale } from '../../src/index.js';
import { loadRunDataset } from '../../src/scaling/datasets.js';
import { atts, temporaryFolder } from './atts.js';

describe('atts simulate --times', () => {
  const folder = temporaryFolder();

  async function record(name: string, profile: boolean): Promise<string> {
    const config = runConfigSchema.parse({
      ...{
        limit: 1,
        samples: 2,
        turns: 2,
        policy: 'replace',
        schedule: 'sync',
        calibration: 'budget',
        profile,
        threads: 1,
      },
    });
    const engines = await openEngines(config, { roofs: { peak: 1e11, bandwidth: 2e10 } });
    const out = join(folder, name);
    await scale({ config, ...engines, dataset: await loadRunDataset(config, 'test'), out });
    await engines.close();
    return out;
  }

  it('predicts a run from the times of another, and refuses one that has none in one line', async () => {
    const [timed, plain] = [await record('timed', true), await record('plain', false)];
    const { code, stdout } = await atts(['simulate', '--run', plain, '--times', timed, '--json']);
    expect(code).to.equal(0);
    const { methods, placement } = JSON.parse(stdout);
    expect(placement).to.equal('shared');
    expect(methods.sync.wallSeconds).to.be.greaterThan(0);
    const refused = await atts(['simulate', '--run', plain, '--times', plain]);
    expect(refused.code).to.equal(2);
    expect(refused.stderr.trim()).to.match(/^[^\n]*plain tells no times of two models; make it with .*--profile$/);
  });
});
