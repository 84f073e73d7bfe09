import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AttsError } from '../../src/errors.js';
import { type DatasetOptions, loadDataset } from '../../src/tasks/datasets.js';
import { promptMessages, rawPrompt } from '../../src/tasks/prompts.js';

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

  it('splits a file by calibrationFraction into two parts that share nothing', async () => {
    const rows = Array.from({ length: 10 }, (_, i) => `{"problem":"q${i}","answer":${i}}`);
    const path = await file('ten.jsonl', rows.join('\n'));
    const ids = async (options: DatasetOptions) =>
      (await loadDataset(path, options)).problems.map((p) => p.id).join('');
    expect(await ids({})).to.equal('0123456789');
    expect(await ids({ calibrationFraction: 1 / 3 })).to.equal('0123456');
    expect(await ids({ calibrationFraction: 1 / 3, split: 'calibration' })).to.equal('789');
    expect(await ids({ calibrationFraction: 1 / 3, split: 'calibration', limit: 2 })).to.equal('78');
    expect(await failure(path, { split: 'calibration' })).to.include('no calibration split');
    expect(await failure(path, { calibrationFraction: 1 })).to.include('between 0 and 1');
    expect(await failure(path, { calibrationFraction: 0.01, split: 'calibration' })).to.include('no problems');
  });

  it('says in one line what is wrong with a data set, and where', async () => {
    const good = '{"problem":"q","answer":"1"}';
    expect(await failure('gsm9k'))
      .to.include("'gsm9k'")
      .and.include('abacus:generated');
    expect(await failure('abacus:other')).to.include("'abacus:other'");
    expect(await failure(join(folder, 'missing.jsonl'))).to.include('no such file');
    expect(await failure(await file('a.csv', 'a,b'))).to.include('.jsonl');
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

describe('prompts', () => {
  const problem = { id: '0', problem: 'Start with 3. Add 4. What is the result?', answer: '7' };

  it('asks in the words of the model card', () => {
    expect(promptMessages(problem)).to.deep.equal([
      { role: 'system', content: 'You are a math expert.' },
      {
        role: 'user',
        content: `${problem.problem}\nPlease reason step by step, and put your final answer within \\boxed{}.`,
      },
    ]);
  });

  it('can ask the question alone', () => {
    expect(rawPrompt(problem)).to.equal(`${problem.problem}\n`);
  });
});
