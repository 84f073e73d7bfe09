import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { AttsError } from '../../src/errors.js';
import { type DatasetOptions, loadDataset } from '../../src/tasks/datasets/index.js';

describe('loadDataset', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'atts-datasets-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function file(name: string, content: string): Promise<string> {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  }

  async function failure(spec: string, options?: DatasetOptions): Promise<string> {
    try {
      await loadDataset(spec, options);
    } catch (error) {
      expect(error).to.be.instanceOf(AttsError);
      expect((error as AttsError).code).to.equal('dataset');
      expect((error as AttsError).message).to.not.include('\n');
      return (error as AttsError).message;
    }
    throw new Error(`${spec} was accepted`);
  }

  it('has 400 embedded problems a split, with no problem and no id in both', async () => {
    const test = await loadDataset('abacus');
    const calibration = await loadDataset('abacus', { split: 'calibration' });
    for (const field of ['id', 'problem'] as const) {
      const all = [...test.problems, ...calibration.problems].map((p) => p[field]);
      expect(new Set(all).size).to.equal(800);
    }
  });

  it('takes the first problems up to the limit, and all where there are fewer', async () => {
    const all = await loadDataset('abacus');
    expect((await loadDataset('abacus', { limit: 7 })).problems).to.deep.equal(all.problems.slice(0, 7));
    expect((await loadDataset('abacus', { limit: 5000 })).problems.length).to.equal(400);
    expect((await loadDataset('abacus:generated')).problems.length).to.equal(400);
    expect((await loadDataset('abacus:generated', { limit: 9 })).problems.length).to.equal(9);
  });

  it('hashes what is asked: equal problems, equal hash', async () => {
    const [a, b, other] = [{ seed: 1 }, { seed: 1 }, { seed: 2 }].map((o) => loadDataset('abacus:generated', o));
    expect((await a).hash)
      .to.match(/^[0-9a-f]{64}$/)
      .and.equal((await b).hash);
    expect((await other).hash).to.not.equal((await a).hash);
    const rows = (await a).problems.map((p) => JSON.stringify({ answer: p.answer, question: p.problem, id: p.id }));
    expect((await loadDataset(await file('same.jsonl', rows.join('\n')))).hash).to.equal((await a).hash);
  });

  it('reads JSON lines and JSON arrays of several styles', async () => {
    const lines = [
      '\ufeff{"question":"q0","answer":"so 9 + 9\\n#### 18"}',
      '',
      '{"id":77,"problem":"q1","question":"ignored","answer":27.0}\r',
      '{"id":"x","problem":"q2","answer":"\\\\frac12"}',
    ];
    const expected = [
      { id: '0', problem: 'q0', answer: '18' },
      { id: '77', problem: 'q1', answer: '27' },
      { id: 'x', problem: 'q2', answer: '\\frac12' },
    ];
    const dataset = await loadDataset(await file('mine.jsonl', lines.join('\n')));
    expect(dataset.problems).to.deep.equal(expected);
    expect(dataset.name).to.equal('mine');
    expect((await loadDataset(await file('mine.json', JSON.stringify(expected)))).problems).to.deep.equal(expected);
  });

  it('cuts a calibration split out of a file: no question is in both, whatever the order and the count', async () => {
    const row = fc.record({ problem: fc.stringMatching(/^[a-f ]{0,3}[a-f]$/), answer: fc.integer() });
    const counts = fc.record({
      rows: fc.array(row, { minLength: 3, maxLength: 40 }),
      count: fc.integer({ min: 1, max: 20 }),
    });
    await fc.assert(
      fc.asyncProperty(counts, async ({ rows, count }) => {
        const path = await file('split.jsonl', rows.map((value) => JSON.stringify(value)).join('\n'));
        const questions = new Set(rows.map(({ problem }) => problem.replace(/\s+/g, ' ').trim()));
        const options = { calibrationProblems: count };
        const asked = async (split: 'test' | 'calibration') =>
          (await loadDataset(path, { ...options, split })).problems.map(({ problem }) =>
            problem.replace(/\s+/g, ' ').trim(),
          );
        const test = await asked('test');
        const aside = Math.min(count, Math.floor(questions.size / 3));
        const calibration = aside === 0 ? [] : await asked('calibration');
        expect(new Set(calibration).size).to.equal(aside);
        expect(test.filter((question) => calibration.includes(question))).to.deep.equal([]);
        expect(new Set([...test, ...calibration])).to.deep.equal(questions);
        expect(test.length + calibration.length).to.equal(rows.length);
        const reversed = await file(
          'turned.jsonl',
          rows
            .map((value) => JSON.stringify(value))
            .reverse()
            .join('\n'),
        );
        const same = (await loadDataset(reversed, options)).problems.map(({ problem }) =>
          problem.replace(/\s+/g, ' ').trim(),
        );
        expect(same.sort()).to.deep.equal(test.sort());
      }),
      { numRuns: 40 },
    );
  });

  it('sets the same problems aside whatever the seed, and more of the same for a larger count', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => `{"problem":"q${i}","answer":${i}}`);
    const path = await file('thirty.jsonl', rows.join('\n'));
    const ids = async (options: DatasetOptions) => (await loadDataset(path, options)).problems.map(({ id }) => id);
    expect((await ids({})).length).to.equal(30);
    const aside = await ids({ calibrationProblems: 5, split: 'calibration' });
    expect(await ids({ calibrationProblems: 5, split: 'calibration', seed: 9 })).to.deep.equal(aside);
    expect(await ids({ calibrationProblems: 99, split: 'calibration' }))
      .to.include.members(aside)
      .and.have.length(10);
    expect((await loadDataset(path, { calibrationProblems: 5 })).notes).to.deep.equal([
      '5 of 30 problems are set aside for calibration and not evaluated',
    ]);
    expect(await failure(path, { split: 'calibration' })).to.include('has no calibration split');
    const two = await file('two.jsonl', rows.slice(0, 2).join('\n'));
    expect(await failure(two, { calibrationProblems: 1, split: 'calibration' })).to.include('has no calibration split');
    expect((await ids({ calibrationProblems: 5, limit: 3 })).length).to.equal(3);
  });

  it('tells of questions that are asked more than once', async () => {
    const rows = ['x  y', 'z', 'x y', 'x y '].map((problem) => JSON.stringify({ problem, answer: '1' }));
    const { notes } = await loadDataset(await file('twice.jsonl', rows.join('\n')));
    expect(notes).to.deep.equal(['1 question is asked more than once, the first as problems 0 and 2 and 3']);
  });

  it('says in one line what is wrong with a data set, and where', async () => {
    const good = '{"problem":"q","answer":"1"}';
    expect(await failure('gsm9k'))
      .to.include("'gsm9k'")
      .and.include('abacus:generated');
    expect(await failure('abacus:other')).to.include("'abacus:other'");
    expect(await failure(join(folder, 'missing.jsonl'))).to.include('no such file');
    expect(await failure(await file('a.tsv', 'a,b'))).to.include('.jsonl, .json, .csv or .parquet');
    expect(await failure(await file('b.jsonl', `${good}\n{oops`))).to.include('b.jsonl:2: not JSON');
    expect(await failure(await file('c.jsonl', '{"answer":"1"}'))).to.include('c.jsonl:1: no question');
    expect(await failure(await file('d.jsonl', `${good}\n\n{"problem":"q"}`))).to.include("d.jsonl:3: no 'answer'");
    expect(await failure(await file('e.jsonl', '{"problem":"q","answer":" "}'))).to.include("no 'answer'");
    expect(await failure(await file('f.jsonl', '{"problem":"q","answer":"why ####"}'))).to.include('####');
    expect(
      await failure(await file('g.jsonl', '{"id":1,"problem":"q","answer":2}\n{"id":"1","problem":"r","answer":3}')),
    )
      .to.include("g.jsonl:2: id '1'")
      .and.include('g.jsonl:1');
    expect(await failure(await file('h.jsonl', '\n'))).to.include('no problems');
    expect(await failure(await file('i.json', '{"a":1}'))).to.include('array');
    expect(await failure(await file('j.json', '[1,2'))).to.include('j.json: not JSON');
    expect(await failure(await file('k.json', '[3]'))).to.include('k.json[0]');
  });
});
