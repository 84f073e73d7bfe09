import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { AttsError } from '../../src/errors.js';
import { RunLock } from '../../src/runs/lock.js';
import { readRun } from '../../src/runs/read.js';
import { regrade, writeRegrade } from '../../src/scaling/regrade.js';
import { loadDataset } from '../../src/tasks/datasets/index.js';
import type { Judge, JudgeQuestion } from '../../src/tasks/judge.js';
import { refusal, temporaryFolder, withFs } from '../runs/fixtures.js';
import { gradedRun, miscellany } from './graded-run.js';

const verdicts = ({ changed }: Awaited<ReturnType<typeof regrade>>) =>
  changed.map(({ problem, sample, before, after }) => [problem, sample, before.correct, after.correct, after.grader]);

describe('grading a run again', () => {
  const folder = temporaryFolder();
  const files = () => ['samples.jsonl', 'summary.json'].map((name) => readFileSync(join(folder(), name), 'utf8'));

  it('finds what the record has wrong, in both directions, and leaves failed chains wrong', async () => {
    const { dataset } = await gradedRun(folder(), miscellany);
    const result = await regrade(readRun(folder()), dataset);
    expect(verdicts(result)).to.deep.equal([
      ['0', 0, false, true, 'rules'],
      ['1', 0, true, false, 'rules'],
    ]);
    expect(result.before.mean).to.be.closeTo((0.5 + 0.5 + 0) / 3, 1e-12);
    expect(result.after.mean).to.be.closeTo((1 + 0 + 0) / 3, 1e-12);
    expect(result.judge).to.equal(null);
  });

  it('asks the judge about what the rules find wrong, each answer once, and records who decided', async () => {
    const { dataset } = await gradedRun(folder(), (golds) =>
      [...miscellany(golds).map((chain) => ({ ...chain })), { ...miscellany(golds)[3], problem: 1, sample: 0 }].filter(
        ({ problem, sample, correct }) => !(problem === 1 && sample === 0 && correct),
      ),
    );
    const asked: JudgeQuestion[] = [];
    const judge: Judge = {
      async decide(question) {
        asked.push(question);
        return true;
      },
    };
    const result = await regrade(readRun(folder()), dataset, { judge });
    expect(asked).to.have.length(1);
    expect(asked[0]).to.deep.include({ problem: dataset.problems[1].problem, gold: dataset.problems[1].answer });
    expect(result.judge).to.deep.equal({ asked: 1, failed: 0, error: null });
    const graders = result.chains.map(({ problem, correct, grader }) => [problem, correct, grader]);
    expect(graders.filter(([, , grader]) => grader === 'judge')).to.deep.equal([
      ['1', true, 'judge'],
      ['1', true, 'judge'],
    ]);
  });

  it('counts an answer on which the judge has no verdict as wrong', async () => {
    const { dataset } = await gradedRun(folder(), miscellany);
    const judge: Judge = { decide: () => Promise.reject(new AttsError('engine', 'judge http://x: status 500')) };
    const result = await regrade(readRun(folder()), dataset, { judge });
    expect(result.judge).to.deep.equal({ asked: 2, failed: 2, error: 'judge http://x: status 500' });
    expect(result.chains.filter(({ correct }) => correct).map(({ problem }) => problem)).to.deep.equal(['0', '0']);
  });

  it('writes verdicts and summary, after which nothing changes any more', async () => {
    const { dataset } = await gradedRun(folder(), miscellany);
    const run = readRun(folder());
    const result = await regrade(run, dataset);
    writeRegrade(run, result);
    const written = readRun(folder());
    expect(written.chains).to.deep.equal(result.chains);
    expect(written.summary).to.deep.equal({ ...run.summary, accuracy: result.after });
    expect((await regrade(written, dataset)).changed).to.deep.equal([]);
  });

  it('leaves the run as it was when the disk is full', async () => {
    const { dataset } = await gradedRun(folder(), miscellany);
    const before = files();
    const run = readRun(folder());
    const result = await regrade(run, dataset);
    const full = () => {
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    };
    const error = refusal(() => withFs({ fsyncSync: full }, () => writeRegrade(run, result)));
    expect(error.message).to.match(/cannot write .*samples\.jsonl: no space left/);
    expect(files()).to.deep.equal(before);
  });

  it('is refused where another process writes, where the run changed meanwhile, and on other problems', async () => {
    const { dataset } = await gradedRun(folder(), miscellany);
    const run = readRun(folder());
    const result = await regrade(run, dataset);
    const lock = RunLock.take(folder());
    expect(refusal(() => writeRegrade(run, result)).message).to.match(/being written by process/);
    lock.release();
    const stale = { ...run, summary: { ...run.summary!, seed: 7 } };
    expect(refusal(() => writeRegrade(stale, result)).message).to.match(/was written meanwhile; grade it again/);
    const other = await loadDataset('abacus', { limit: 2 });
    const error = await regrade(run, other).then(
      () => null,
      (cause: unknown) => cause,
    );
    expect(error).to.be.instanceOf(AttsError).with.property('code', 'dataset');
  });
});
