import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  inspectModel,
  inspectOps,
  type ModelProfile,
  openEngine,
  type PassRecord,
  passTimer,
  profileModel,
  shapeOf,
  writeProfileRoofline,
} from '../../src/index.js';
import { temporaryFolder } from '../runs/fixtures.js';

describe('the profile of a model', () => {
  const folder = temporaryFolder();
  const roofs = { peak: 1e11, bandwidth: 5e10 };
  let profile: ModelProfile;

  before(async () => {
    const spec = 'abacus-llama-0.4m';
    const passes: PassRecord[] = [];
    const engine = await openEngine(spec, { timeOps: 1, onPass: (pass) => void passes.push(pass) });
    const { config, ...kept } = inspectOps(spec);
    const report = inspectModel(spec);
    profile = await profileModel(engine, {
      ...{ ...report, shape: report, decodeRows: [1, 4], scoreRows: [8, 16], lengths: [128, 4096] },
      watch: { model: { shape: shapeOf(config), ...kept }, roofs, take: () => passes.splice(0) },
    });
    await engine.close();
  });

  it('has decode steps and scores by rows, and by lengths that its context holds', () => {
    expect(profile.passes.map(({ phase, rows, cached }) => [phase, rows, cached])).to.deep.equal([
      ...[1, 4].map((rows) => ['decode', rows, undefined]),
      ...[8, 16].map((rows) => ['score', rows, undefined]),
      ...[1, 8].map((rows) => ['decode', rows, 128]),
      ['score', 64, 128],
    ]);
    const [first, , , , longer] = profile.passes;
    expect(longer.flops).to.be.above(first.flops);
    expect(longer.bytes).to.be.above(first.bytes);
  });

  it('times every op of every pass', () => {
    for (const { phase, ops = [] } of profile.passes) {
      const ending = phase === 'decode' ? ['head', 'sample'] : ['tokenLogProb'];
      expect(ops.map(({ op }) => op)).to.include.members(['embedding', 'qkv', 'attention', 'output', 'mlp', ...ending]);
      for (const { seconds } of ops) expect(seconds).to.be.above(0);
    }
  });

  it('times passes of other rows by those of the usual length', () => {
    const of = (cached: number) => ({ sequences: [{ cached, rows: 1 }], sampled: 1, scored: 0 });
    const [one] = profile.passes;
    expect(passTimer(profile)(of(64))).to.equal(one.seconds);
  });

  it('is drawn as a roofline of the fewest and the most rows', async () => {
    const path = await writeProfileRoofline(folder(), profile, roofs);
    expect(path).to.equal(join(folder(), 'roofline.svg'));
    const svg = readFileSync(path as string, 'utf8');
    for (const phase of ['decode, 1 row', 'decode, 4 rows', 'score, 8 rows', 'score, 16 rows']) {
      expect(svg).to.contain(phase);
    }
    expect(readFileSync(join(folder(), 'roofline.vl.json'), 'utf8')).not.to.contain('64 rows');
    const untimed = { ...profile, passes: profile.passes.map((pass) => ({ ...pass, ops: undefined })) };
    expect(await writeProfileRoofline(folder(), untimed, roofs)).to.equal(null);
  });
});
