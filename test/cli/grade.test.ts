import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Summary } from '../../src/index.js';
import { gradedRun, miscellany } from '../scaling/graded-run.js';
import { type JudgeServer, judgeServer } from '../tasks/judge-server.js';
import { atts, expectRefusal, temporaryFolder } from './atts.js';

describe('command line: grade', function () {
  this.timeout(60_000);
  let folder: string;
  let server: JudgeServer | null = null;
  before(() => {
    folder = temporaryFolder();
  });
  afterEach(() => server?.close());

  const runAt = async (name: string): Promise<string> => {
    const path = join(folder, name);
    await gradedRun(path, miscellany);
    return path;
  };
  const summaryOf = (path: string) => JSON.parse(readFileSync(join(path, 'summary.json'), 'utf8')) as Summary;

  it('prints accuracy before and after with intervals and every verdict that changes, and writes nothing', async () => {
    const path = await runAt('read');
    const before = readFileSync(join(path, 'samples.jsonl'), 'utf8');
    const { code, stdout, stderr } = await atts(['grade', path]);
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/mean@1 +33\.3 % \[\S+, \S+\] +33\.3 % \[\S+, \S+\]/);
    expect(stdout)
      .to.match(/\n0 +0 .*wrong +right\n/)
      .and.to.match(/\n1 +0 .*right +wrong\n/);
    expect(stdout).to.include('2 of 6 chains change').and.to.include('nothing written');
    expect(readFileSync(join(path, 'samples.jsonl'), 'utf8')).to.equal(before);
    expect(existsSync(join(path, 'report.html'))).to.equal(false);
  });

  it('--write puts verdicts, summary and report in place', async () => {
    const path = await runAt('written');
    const outcome = await atts(['grade', path, '--write', '--json']);
    expect(outcome.code, outcome.stderr).to.equal(0);
    const result = JSON.parse(outcome.stdout) as Record<string, unknown>;
    expect(result).to.include({ schema: 'atts.grade/1', written: true, judge: null });
    expect(summaryOf(path).accuracy).to.deep.equal(result.after);
    expect(existsSync(join(path, 'report.html'))).to.equal(true);
    const again = JSON.parse((await atts(['grade', path, '--json'])).stdout) as { changed: unknown[] };
    expect(again.changed).to.deep.equal([]);
  });

  it('asks a judge, and says in one line how often it failed', async () => {
    const path = await runAt('judged');
    server = await judgeServer((question) => (question.includes('it is') ? 'VERDICT: EQUIVALENT' : 500));
    const { code, stdout, stderr } = await atts(['grade', path, '--judge', server.spec]);
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/\n1 +1 .*wrong +right \(judge\)\n/);
    expect(stderr).to.match(/1 of 2 answers have no verdict of the judge and count as wrong \(.*status 500\)\n$/);
    expect(stderr.trimEnd().split('\n')).to.have.length(1);
  });

  it('answers bad input with one line', async () => {
    const path = await runAt('bad');
    const cases: [string[], number, RegExp][] = [
      [['grade', folder], 1, /is not a run directory/],
      [['grade', path, '--judge', 'gpt'], 2, /--judge must be openai\+http/],
      [['grade', path, '--dataset', 'none.jsonl'], 1, /none\.jsonl: no such file/],
      [['grade', path, '--dataset', 'abacus:generated'], 1, /does not hold the problems of .*--dataset/],
      [['grade'], 2, /grade|positional|arguments/i],
    ];
    for (const [args, exit, says] of cases) await expectRefusal(args, exit, says);
    rmSync(join(path, 'summary.json'));
    const unfinished = await atts(['grade', path]);
    expect(unfinished.stderr).to.match(/is not finished; run its command again, then grade/);
    expect(unfinished.code).to.equal(1);
  });
});
