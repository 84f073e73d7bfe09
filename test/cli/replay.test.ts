import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readRun, type Summary } from '../../src/index.js';
import { data, header } from '../replay/files.js';
import { atts, expectRefusal, temporaryFolder } from './atts.js';

interface Replayed {
  schema: string;
  decisions: number;
  percentileMismatches: number | null;
  rejection: NonNullable<Summary['rejection']>;
}

const traces = ['--events', data('two_raw.events.csv'), '--bank', data('two_raw.bank.json')];
const static04 = ['--calibration', 'marginal', '--rule', 'percentile'];

describe('atts replay', function () {
  this.timeout(120_000);
  let folder: string;
  before(() => {
    folder = temporaryFolder();
  });

  const replay = async (...args: string[]): Promise<Replayed> => {
    const { stdout, stderr, code } = await atts(['replay', ...args, '--json']);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.equal('');
    return JSON.parse(stdout) as Replayed;
  };

  it('--json is one document with the promised keys', async () => {
    const document = await replay(...traces, ...static04);
    expect(Object.keys(document)).to.deep.equal(['schema', 'decisions', 'percentileMismatches', 'rejection']);
    expect(document).to.include({ schema: 'atts.replay/1', decisions: 176, percentileMismatches: 0 });
    const { rejection } = document;
    expect(Object.keys(rejection)).to.include.members([
      ...['wanted', 'overall', 'perTurn', 'rolling200', 'bound', 'ks', 'martingaleLog10', 'calibration'],
    ]);
    expect(rejection).to.include({ wanted: 0.4, calibration: 'marginal', bound: null, rolling200: null });
    expect(rejection.perTurn.reduce((sum, { decisions }) => sum + decisions, 0)).to.equal(176);
  });

  it('a replay of a run by its own settings, in its own order, makes its decisions again', async () => {
    const out = join(folder, 'run');
    const made = await atts([
      ...['run', '--limit', '2', '--samples', '3', '--turns', '3', '--policy', 'replace'],
      ...['--calibration-problems', '4', '--out', out],
    ]);
    expect(made.code, made.stderr).to.equal(0);
    const again = await replay('--events', out, '--bank', join(out, 'bank.json'), '--grow-bank', '--order', 'recorded');
    expect(again.percentileMismatches).to.equal(0);
    expect(again.rejection).to.deep.equal(readRun(out).summary?.rejection);
  });

  it('the order of the problems moves an online rule, and --shuffle-problems draws it anew', async () => {
    const scores = join(folder, 'scores.json');
    const list = (problem: number) => Array.from({ length: 40 }, (_, i) => ((i * 37 + problem * 11) % 41) + problem);
    writeFileSync(scores, JSON.stringify(Object.fromEntries([0, 1, 2, 3, 4, 5].map((id) => [id, list(id)]))));
    const online = ['--events', scores, '--grow-bank', '--calibration', 'online'];
    const seeds = await Promise.all(['1', '2', '1'].map((seed) => replay(...online, '--shuffle-problems', seed)));
    expect(seeds[0]).to.deep.equal(seeds[2]);
    expect(seeds[0]).to.not.deep.equal(seeds[1]);
    expect(seeds[0].percentileMismatches).to.equal(null);
  });

  it('says in words what the document says in numbers', async () => {
    const { stdout, code } = await atts(['replay', ...traces]);
    expect(code).to.equal(0);
    expect(stdout).to.match(/176 scores of 2 problems/);
    expect(stdout).to.match(/percentiles 176 recorded, 0 differ/);
    expect(stdout).to.match(/bound +±5\.7 % holds/);
    expect(stdout).to.match(/^0 +32 +\d+\.\d %$/m);
  });

  it('--out writes the document and the figures', async () => {
    const out = join(folder, 'out');
    const document = await replay(...traces, '--out', out);
    expect(JSON.parse(readFileSync(join(out, 'replay.json'), 'utf8'))).to.deep.equal(document);
    for (const name of ['rejection-by-turn', 'rolling-rejection']) {
      expect(readFileSync(join(out, `${name}.svg`), 'utf8')).to.match(/^<svg[^>]*xmlns=/);
      expect(existsSync(join(out, `${name}.vl.json`))).to.equal(true);
    }
  });

  it('--durations puts barriers between recorded chains, at any number of slots', async () => {
    const args = ['replay', '--durations', data('two_raw.samples.csv')];
    const { stdout } = await atts([...args, '--slots', '1,16', '--json']);
    const document = JSON.parse(stdout) as Record<string, number> & { schedules: Record<string, number>[] };
    expect(document).to.include({ schema: 'atts.barrier/1', turnTimes: 'split evenly', chains: 48, problems: 3 });
    const [one, sixteen] = document.schedules;
    for (const name of ['workConserving', 'perProblem', 'perTurn']) {
      expect(one[name]).to.be.closeTo(document.totalSeconds, 1e-6);
    }
    expect(sixteen.workConserving).at.most(sixteen.perProblem).and.at.least(document.longestSeconds);
    const text = await atts(args);
    expect(text.stdout).to.match(/split evenly over its turns/);
    expect(text.stdout).to.match(/^64 /m);
  });

  describe('answers bad input with one line', () => {
    const file = (name: string, content: string | Buffer): string => {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    };
    const table = (name: string, row: string) => file(name, `${header}\n0,0,0,,eval_ppl,1.5,0.5,,,\n${row}\n`);
    const pickled = Buffer.concat([
      Buffer.from([0x93]),
      Buffer.from('NUMPY\u0001\u0000v\u0000'),
      Buffer.from(`${"{'descr': '|O', 'fortran_order': False, 'shape': (), }".padEnd(117)}\n`),
    ]);
    const bank = data('two_raw.bank.json');
    const cases: { name: string; args: () => string[]; code: number; says: RegExp }[] = [
      { name: 'nothing to replay', args: () => [], code: 2, says: /needs --events FILE .* or --durations FILE/ },
      { name: 'both', args: () => ['--events', 'a', '--durations', 'b'], code: 2, says: /mutually exclusive/ },
      {
        name: 'a missing stream',
        args: () => ['--events', 'none.csv', '--bank', bank],
        code: 1,
        says: /none\.csv does not exist/,
      },
      {
        name: 'a missing bank',
        args: () => ['--events', bank, '--bank', 'none.json'],
        code: 1,
        says: /none\.json does not exist/,
      },
      {
        name: 'a bad header',
        args: () => ['--events', file('h.csv', 'a,b\n1,2\n'), '--bank', bank],
        code: 1,
        says: /h\.csv:1: no column sample; expected sample,question/,
      },
      {
        name: 'a malformed row',
        args: () => ['--events', table('r.csv', '0,0'), '--bank', bank],
        code: 1,
        says: /r\.csv:3: /,
      },
      {
        name: 'a NaN score',
        args: () => ['--events', table('n.csv', '0,0,1,,eval_ppl,nan,0.5,,,'), '--bank', bank],
        code: 1,
        says: /n\.csv:3: ppl is NaN/,
      },
      {
        name: 'an empty stream',
        args: () => ['--events', file('e.csv', `${header}\n`), '--bank', bank],
        code: 1,
        says: /e\.csv holds no scores/,
      },
      {
        name: 'an empty bank',
        args: () => ['--events', bank, '--bank', file('b.json', '[]')],
        code: 1,
        says: /b\.json.* holds no scores/,
      },
      {
        name: 'a bank with a NaN',
        args: () => ['--events', bank, '--bank', file('nb.json', '[1, NaN]')],
        code: 1,
        says: /nb\.json: turn 0, score 1 is NaN/,
      },
      {
        name: 'a pickled bank',
        args: () => ['--events', bank, '--bank', file('p.npy', pickled)],
        code: 1,
        says: /p\.npy .*pickle/,
      },
      {
        name: 'a rule without the bank it needs',
        args: () => ['--events', bank, '--calibration', 'marginal'],
        code: 2,
        says: /--calibration marginal .*--bank FILE/,
      },
      {
        name: 'an online rule without any score',
        args: () => ['--events', bank],
        code: 2,
        says: /--calibration online .*--bank FILE or --grow-bank/,
      },
      {
        name: 'a bank without questions',
        args: () => ['--events', bank, '--bank', bank, '--calibration', 'per-question'],
        code: 1,
        says: /per-question .*needs a bank with questions/,
      },
      {
        name: 'an unknown rule',
        args: () => ['--events', bank, '--rule', 'guess'],
        code: 2,
        says: /--rule must be one of conformal, smoothed, percentile \(got guess\)/,
      },
      {
        name: 'a rejection rate over 1',
        args: () => ['--events', bank, '--rejection-rate', '2'],
        code: 2,
        says: /--rejection-rate .*\(got 2\)/,
      },
      {
        name: 'a seed that is none',
        args: () => ['--events', bank, '--bank', bank, '--shuffle-problems', 'x'],
        code: 2,
        says: /--shuffle-problems .*\(got x\)/,
      },
      {
        name: 'no slot',
        args: () => ['--durations', data('two_raw.samples.csv'), '--slots', '4,0'],
        code: 2,
        says: /--slots .*\(got 4,0\)/,
      },
      { name: 'a folder without records', args: () => ['--durations', folder], code: 1, says: /holds neither a run/ },
    ];
    for (const { name, args, code, says } of cases) {
      it(name, () => expectRefusal(['replay', ...args()], code, says));
    }
  });
});
