import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Summary } from '../../src/index.js';
import { atts, expectRefusal, temporaryFolder } from './atts.js';

describe('command line: shards and merge', function () {
  this.timeout(120_000);
  let folder: string;
  before(() => {
    folder = temporaryFolder();
  });
  const settings = ['--limit', '3', '--samples', '2', '--turns', '1', '--draft-tokens', '8', '--target-tokens', '8'];

  it('runs a comparison in two shards and joins it: summaries, comparison and report in one directory', async () => {
    const shards = [join(folder, 'one'), join(folder, 'two')];
    for (const [index, out] of shards.entries()) {
      const methods = ['--methods', 'draft-only,target-only'];
      const { code, stderr } = await atts([
        'compare',
        ...settings,
        ...methods,
        '--shard',
        `${index + 1}/2`,
        '--out',
        out,
      ]);
      expect(code, stderr).to.equal(0);
    }
    const out = join(folder, 'all');
    const { code, stdout, stderr } = await atts(['merge', ...shards, '--out', out]);
    expect(code, stderr).to.equal(0);
    expect(stdout)
      .to.match(/\ndraft-only .*3 × 2 /)
      .and.to.match(/\ntarget-only .*3 × 2 /);
    const { methods } = JSON.parse(readFileSync(join(out, 'compare.json'), 'utf8')) as {
      methods: Record<string, Summary>;
    };
    expect(Object.keys(methods)).to.deep.equal(['draft-only', 'target-only']);
    for (const [method, summary] of Object.entries(methods)) {
      expect(JSON.parse(readFileSync(join(out, method, 'summary.json'), 'utf8'))).to.deep.equal(summary);
      expect(summary).to.include({ problems: 3, samples: 2, shards: 2 });
    }
    expect(readFileSync(join(out, 'report.html'), 'utf8')).to.include('merged from 2 shards');
    const merged = await atts([
      'merge',
      ...shards.map((shard) => join(shard, 'target-only')),
      '--out',
      join(folder, 'a'),
      '--json',
    ]);
    expect(JSON.parse(merged.stdout)).to.deep.equal(methods['target-only']);
  });

  it('answers bad input with one line and leaves nothing', async () => {
    const out = join(folder, 'none');
    const cases: [string[], number, RegExp][] = [
      [['run', ...settings, '--shard', '3/2'], 2, /--shard must be i\/n, .* like 2\/8 \(got 3\/2\)/],
      [['run', ...settings, '--shard', '1/4', '--out', out], 2, /3 problems make 3 shards at most/],
      [['merge', join(folder, 'one'), '--out', out], 1, /shard 2\/2 is missing/],
      [
        ['merge', join(folder, 'one'), join(folder, 'two', 'draft-only'), '--out', out],
        1,
        /is not a finished comparison/,
      ],
      [['merge', folder, '--out', out], 1, /is not a run directory/],
      [['merge', '--out', out], 2, /merge|positional|arguments/i],
      [['merge', folder], 2, /out/],
    ];
    for (const [args, exit, says] of cases) await expectRefusal(args, exit, says);
    expect(existsSync(out)).to.equal(false);
  });
});
