import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type BankFile, type BankInspection, readRun } from '../../src/index.js';
import { atts, type Outcome, temporaryFolder } from './atts.js';

interface Inspected {
  schema: string;
  banks: ({ path: string } & BankInspection)[];
  ks: { turn: number; d: number; p: number }[] | null;
}

function inspected({ code, stdout, stderr }: Outcome): Inspected {
  expect(code, stderr).to.equal(0);
  const document = JSON.parse(stdout) as Inspected;
  expect(document.schema).to.equal('atts.bank-inspection/1');
  return document;
}

describe('atts calibrate', function () {
  this.timeout(180_000);
  let folder: string;
  before(() => {
    folder = temporaryFolder();
  });

  const file = (name: string, contents: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, typeof contents === 'string' ? contents : JSON.stringify(contents));
    return path;
  };
  const bank = (rest: Partial<BankFile>): BankFile => ({ schema: 'atts.bank/1', provenance: {}, turns: [], ...rest });
  const listed = () => [1.25, 1.5, 1.75, 2, 2.25].map((score, i) => score + i * 1e-3);

  it('inspect tells size, distinct scores, quantiles and resolution of each turn and question', async () => {
    const paths = [file('list.json', listed()), file('questions.json', '{"0": [1, 2, 3], "1": [4, Infinity, 5]}')];
    const { banks, ks } = inspected(await atts(['calibrate', 'inspect', ...paths, '--json']));
    expect(banks.map(({ path }) => path)).to.deep.equal(paths);
    expect(banks[0].turns[0]).to.deep.include({ turn: 0, scores: 5, distinct: 5, alarm: false, resolution: 1 / 6 });
    expect(banks[0].questions).to.equal(null);
    expect(banks[1].turns[0]).to.deep.include({ scores: 6, problems: 2 });
    expect(banks[1].questions!.map(({ problem, scores }) => [problem, scores])).to.deep.equal([
      ['0', 3],
      ['1', 3],
    ]);
    expect(banks[1].questions![1].quantiles).to.deep.include({ min: 4, median: 5, max: 'Infinity' });
    expect(ks).to.have.length(1);
    expect(ks![0].d).to.be.closeTo(2 / 3, 1e-12);
  });

  it('inspect says aloud that scores repeat', async () => {
    const { stdout } = await atts(['calibrate', 'inspect', file('greedy.json', [1, 1, 1, 2, 2, 2])]);
    expect(stdout).to.match(/turn 0: 66\.7 % of the scores repeat another/);
  });

  it('merge joins banks that were drawn alike, in any format', async () => {
    const out = join(folder, 'merged.npy');
    const merged = await atts([
      'calibrate',
      'merge',
      file('a.json', [1, 2]),
      file('b.json', [3]),
      '--out',
      out,
      '--json',
    ]);
    expect(inspected(merged).banks[0].turns[0].scores).to.equal(3);
    const again = join(folder, 'again.json');
    expect((await atts(['calibrate', 'merge', out, file('c.json', [4]), '--out', again])).code).to.equal(0);
    expect(JSON.parse(readFileSync(again, 'utf8'))).to.deep.include({ turns: [[1, 2, 3, 4]] });
  });

  it('merge of banks drawn differently names the fields and writes nothing, unless forced', async () => {
    const paths = [32, 64].map((draftTokens) => {
      return file(`${draftTokens}.json`, bank({ provenance: { draftTokens }, turns: [[draftTokens]] }));
    });
    const out = join(folder, 'forced.json');
    const refused = await atts(['calibrate', 'merge', ...paths, '--out', out]);
    expect(refused.stderr).to.match(/^atts: .*draftTokens 32 ≠ 64.*--force.*\n$/);
    expect(refused.code).to.equal(1);
    expect(existsSync(out)).to.equal(false);
    expect((await atts(['calibrate', 'merge', ...paths, '--out', out, '--force'])).code).to.equal(0);
    const { provenance } = JSON.parse(readFileSync(out, 'utf8')) as BankFile;
    expect(provenance).to.deep.equal({ forced: ['draftTokens 32 ≠ 64'] });
  });

  const bad: { name: string; args: () => string[]; code: number; says: RegExp }[] = [
    { name: 'inspect of nothing', args: () => ['inspect'], code: 2, says: /at least 1/ },
    { name: 'a missing bank', args: () => ['inspect', 'none.json'], code: 1, says: /none\.json does not exist/ },
    {
      name: 'a NaN',
      args: () => ['inspect', file('nan.json', '[1, NaN]')],
      code: 1,
      says: /nan\.json: .*score 1 is NaN/,
    },
    {
      name: 'a pickle',
      args: () => ['inspect', file('pickle.npy', '\x80\x04pickle')],
      code: 1,
      says: /pickle\.npy .*a pickle is never loaded/,
    },
    {
      name: 'merge of one bank',
      args: () => ['merge', file('x.json', [1]), '--out', 'y'],
      code: 2,
      says: /two score banks/,
    },
    { name: 'merge without --out', args: () => ['merge', 'a', 'b'], code: 2, says: /out/ },
    { name: 'an unknown action', args: () => ['look'], code: 2, says: /look/ },
    {
      name: 'a per-turn bank in NPY',
      args: () => ['--calibration', 'per-turn', '--out', join(folder, 'turns.npy')],
      code: 2,
      says: /--out .*turns\.npy: NPY holds scores of one turn/,
    },
  ];
  for (const { name, args, code, says } of bad) {
    it(`answers ${name} with one line and exit code ${code}`, async () => {
      const outcome = await atts(['calibrate', ...args()]);
      expect(outcome.stderr).to.match(says);
      expect(outcome.stderr.trimEnd().split('\n'), outcome.stderr).to.have.length(1);
      expect(outcome.stdout).to.equal('');
      expect(outcome.code).to.equal(code);
      expect(readdirSync(folder).filter((entry) => entry.endsWith('.tmp'))).to.deep.equal([]);
    });
  }

  it('draws a bank that counts every problem once in a run of the same settings, without a word', async () => {
    const out = join(folder, 'drawn.json');
    const small = ['--calibration-problems', '3', '--calibration-samples', '2', '--draft-tokens', '16'];
    expect((await atts(['calibrate', ...small, '--out', out])).code).to.equal(0);
    const run = ['run', '--limit', '1', '--samples', '1', '--turns', '1', '--bank', out, '--bank-weights', 'problem'];
    const marginal = ['--calibration', 'marginal', '--policy', 'replace'];
    const same = await atts([...run, ...marginal, '--draft-tokens', '16', '--out', join(folder, 'same')]);
    expect(same.code, same.stderr).to.equal(0);
    expect(same.stderr).to.equal('');
    // Three problems weigh 3, each of their two scores ½: p is a multiple of ½/(3 + 1). Counted one by one, of 1/7.
    const scored = readRun(join(folder, 'same')).events.flatMap(({ p }) => (p === null ? [] : [p]));
    expect(scored).to.have.length(1);
    expect(scored[0]).to.be.below(1);
    expect(scored[0] * 8).to.equal(Math.round(scored[0] * 8));
    const weightless = file('weightless.json', [1, 2, 3]);
    const refused = await atts([...run.with(8, weightless), ...marginal, '--out', join(folder, 'weightless')]);
    expect(refused.stderr).to.match(/does not tell which problem/);
    expect(refused.code).to.equal(1);
  });

  it('draws a bank whose use in another run is doubted on standard error and in the record', async () => {
    const run = [
      'run',
      '--limit',
      '1',
      '--samples',
      '1',
      '--turns',
      '1',
      '--bank',
      join(folder, 'drawn.json'),
      '--json',
    ];
    const out = join(folder, 'other');
    const doubt = 'was drawn otherwise than this run: draftTokens 16 ≠ 32, temperature 0.8 ≠ 1';
    for (const command of ['first', 'resumed']) {
      const { code, stdout, stderr } = await atts([...run, '--temperature', '1', '--out', out]);
      expect(code, stderr).to.equal(0);
      expect(stderr, command)
        .to.match(/^atts: warning: .*\n$/)
        .and.include(doubt);
      expect(JSON.parse(stdout)).to.include({ schema: 'atts.summary/1' });
    }
    const { notes } = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as { notes: string[] };
    expect(notes.filter((note) => note.includes(doubt))).to.have.length(1);
  });
});
