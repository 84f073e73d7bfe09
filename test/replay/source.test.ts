import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { readChainTimes, readScoreStream } from '../../src/replay/index.js';
import { chain, event, manifest, refusal } from '../runs/fixtures.js';
import { data, fileMaker, header, numbers } from './files.js';

const samples = 16;

describe('recorded scores', () => {
  const file = fileMaker();
  const read = (path: string) => readScoreStream(path, { samples });

  it('of an events table: every eval_ppl row, in its order', () => {
    const stream = read(data('two_raw.events.csv'));
    expect(stream).to.have.length(176);
    expect(stream[0]).to.deep.equal({
      ...{ problem: '0', sample: 0, turn: 0 },
      ...{ score: 1.6998628521760086, percentile: 0.694375 },
    });
    const bank = numbers('two_raw.bank.json');
    for (const { score, percentile } of stream) {
      expect(percentile).to.equal(bank.filter((other) => other < score).length / bank.length);
    }
  });

  it('of an events table: self_ppl rows, and drafts that scored themselves, but no answer taken unranked and no fork', () => {
    const path = file(
      'events.csv',
      [
        header,
        '0,0,0,,draft,,,,1431,0',
        '0,0,0,,self_ppl,1.25,0.645,,,',
        '0,0,0,,self_continue,,,,1012,0',
        '1,0,0,0,draft,1.5,0.9,0,1679,0',
        '1,0,0,1,draft,inf,1.0,1,1434,0',
        '1,0,1,0,draft_answer,1.03,0.0,1,613,1',
        '1,0,1,,fork,15,inf,inf,2,inf',
      ].join('\n'),
    );
    expect(read(path).map(({ score }) => score)).to.deep.equal([1.25, 1.5, Number.POSITIVE_INFINITY]);
  });

  it('of traces: the same scores to six places, none where the chunk was empty', () => {
    const exact = read(data('two_raw.events.csv')).filter(({ sample }) => sample < 4);
    const rounded = read(data('two_raw.traces.jsonl'));
    expect(rounded.map(({ score }) => score)).to.deep.equal(exact.map(({ score }) => Number(score.toFixed(6))));
    expect(rounded.map(({ percentile }) => percentile)).to.deep.equal(exact.map(({ percentile }) => percentile));
    const turns = '[{"ppl":1.2,"percentile":0.1},{"ppl":null,"percentile":null}]';
    expect(read(file('t.jsonl', `{"problem":3,"sample":1,"durationS":2,"turns":${turns}}`))).to.have.length(1);
  });

  const problem = (index: number, question: string, history: string) =>
    `{"problem_index": ${index}, "final_answer": "1", "duration_seconds": 6, "full_history": [${history}], "question": "${question}"}`;
  const scored = '{"turn": 0, "model": "eval_ppl", "ppl": 1.5, "percentile": 0.25}';

  it('of problem files: problem and chain told apart by the chains a problem, a bare Infinity as a score', () => {
    const history = [
      '{"turn": 0, "model": "draft", "output": "NaN or \\"Infinity\\""}',
      '{"turn": 0, "model": "self_ppl", "ppl": Infinity, "percentile": 1.0}',
      '{"turn": 1, "attempt": 0, "model": "draft", "output": "a", "ppl": 1.5, "percentile": 0.25, "accepted": true}',
      '{"turn": 2, "event": "fork", "forked_from": 3}',
      '{"turn": 2, "attempt": 0, "model": "draft", "output": "b", "ppl": 1.1, "percentile": 0.0, "accepted_reason": "answer_found"}',
    ];
    const folder = dirname(file('problem_0033.json', problem(33, 'b', history.join(','))));
    file('problem_0004.json', problem(4, 'a', scored));
    expect(read(folder)).to.deep.equal([
      { problem: '0', sample: 4, turn: 0, score: 1.5, percentile: 0.25 },
      { problem: '2', sample: 1, turn: 0, score: Number.POSITIVE_INFINITY, percentile: 1 },
      { problem: '2', sample: 1, turn: 1, score: 1.5, percentile: 0.25 },
    ]);
    expect(read(join(folder, 'problem_0004.json'))).to.have.length(1);
    expect(readChainTimes(folder, { samples }).chains[1]).to.deep.equal({ problem: '2', turns: [2, 2, 2] });
  });

  it('of problem files: refuses chains a problem that their questions contradict', () => {
    const folder = dirname(file('problem_0000.json', problem(0, 'a', scored)));
    file('problem_0008.json', problem(8, 'b', scored));
    expect(refusal(() => read(folder)).message).to.match(
      /problem_0000\.json and problem_0008\.json ask different.*--samples/,
    );
    expect(readScoreStream(folder, { samples: 8 })).to.have.length(2);
    file('problem_0008.json', problem(8, 'a', scored));
    expect(refusal(() => readScoreStream(folder, { samples: 8 })).message).to.match(/ask the same question.*--samples/);
  });

  it('of arrays: a list is one problem, an object has a list a problem, and all are of turn 0', () => {
    expect(read(file('list.json', '[1.5, Infinity]'))).to.deep.equal([
      { problem: '0', sample: 0, turn: 0, score: 1.5, percentile: null },
      { problem: '0', sample: 1, turn: 0, score: Number.POSITIVE_INFINITY, percentile: null },
    ]);
    const stream = read(data('aime24.per_question.json'));
    expect(new Set(stream.map(({ problem }) => problem)).size).to.equal(15);
    expect(stream).to.have.length(240);
  });

  it('of a run: its score calls, from the folder or the events alone', () => {
    const lines = [event(), event({ kind: 'score', turn: 2, score: 0.7, p: 0.5, alpha: 0.4, rejected: false })];
    const path = file('events.jsonl', `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
    const expected = [{ problem: 'p0', sample: 0, turn: 2, score: 0.7, percentile: null }];
    expect(read(path)).to.deep.equal(expected);
    file('run.json', JSON.stringify(manifest()));
    expect(read(dirname(path))).to.deep.equal(expected);
  });

  describe('refuses by file and place', () => {
    const row = (cells: string) => `${header}\n0,0,0,,small,,,,9,0\n${cells}\n`;
    const cases: { what: string; name: string; content: string; says: RegExp }[] = [
      {
        what: 'a missing column',
        name: 'e.csv',
        content: 'sample,question\n',
        says: /e\.csv:1: no column turn; expected/,
      },
      { what: 'an empty file', name: 'e.csv', content: '', says: /e\.csv is empty/ },
      { what: 'a row too short', name: 'e.csv', content: row('0,0,1'), says: /e\.csv:3: / },
      { what: 'an open quote', name: 'e.csv', content: row('0,0,1,,"eval'), says: /e\.csv:\d+: .*[Qq]uote/ },
      {
        what: 'a sample that is no number',
        name: 'e.csv',
        content: row('x,0,0,,eval_ppl,1.2,0.1,,,'),
        says: /e\.csv:3: sample is "x", not a whole number/,
      },
      {
        what: 'a negative turn',
        name: 'e.csv',
        content: row('0,0,-1,,eval_ppl,1.2,0.1,,,'),
        says: /e\.csv:3: turn is "-1"/,
      },
      {
        what: 'a missing score',
        name: 'e.csv',
        content: row('0,0,0,,eval_ppl,,0.1,,,'),
        says: /e\.csv:3: ppl is empty, not a number/,
      },
      {
        what: 'a missing percentile',
        name: 'e.csv',
        content: row('0,0,0,,eval_ppl,1.2,,,,'),
        says: /e\.csv:3: percentile is empty/,
      },
      {
        what: 'a percentile over 1',
        name: 'e.csv',
        content: row('0,0,0,,eval_ppl,1.2,1.5,,,'),
        says: /e\.csv:3: percentile is 1\.5/,
      },
      { what: 'a NaN score', name: 'e.csv', content: row('0,0,0,,eval_ppl,nan,0.1,,,'), says: /e\.csv:3: ppl is NaN/ },
      {
        what: 'a failed call',
        name: 'e.csv',
        content: row('0,0,0,,eval_ppl,0,0.0,,,'),
        says: /e\.csv:3: ppl is 0, .*failed/,
      },
      {
        what: 'an unknown kind',
        name: 'e.csv',
        content: row('0,0,0,,eval_pl,1.2,0.1,,,'),
        says: /e\.csv:3: kind is "eval_pl", none of eval_ppl, /,
      },
      { what: 'a table without scores', name: 'e.csv', content: row(''), says: /e\.csv holds no scores/ },
      { what: 'a NaN in a list', name: 'a.json', content: '[1.2, NaN]', says: /a\.json: \[1\] is NaN/ },
      {
        what: "a NaN in a problem's list",
        name: 'a.json',
        content: '{"7": [1, 2, NaN]}',
        says: /a\.json: "7"\[2\] is NaN/,
      },
      { what: 'a text in a list', name: 'a.json', content: '["1.2"]', says: /a\.json: \[0\] is "1\.2", not a score/ },
      { what: 'an empty list', name: 'a.json', content: '[]', says: /a\.json: the array holds no scores/ },
      { what: 'a number alone', name: 'a.json', content: '3', says: /a\.json holds neither/ },
      { what: 'broken JSON', name: 'a.json', content: '[1,', says: /a\.json is not JSON/ },
      {
        what: 'a string torn off, which must not take for ever',
        name: 'a.json',
        content: `{"question": "${'a'.repeat(1e5)}`,
        says: /a\.json is not JSON/,
      },
      {
        what: 'a broken trace',
        name: 't.jsonl',
        content: '{"problem":0,"sample":0,"durationS":1,"turns":[]}\n{"turns":',
        says: /t\.jsonl:2 is not JSON/,
      },
      {
        what: "a trace without its turns' scores",
        name: 't.jsonl',
        content: '{"problem":0,"sample":0,"durationS":1,"turns":[{}]}',
        says: /t\.jsonl:1: turns\.0\.ppl/,
      },
      {
        what: 'a NaN in a problem file',
        name: 'p.json',
        content: problem(0, 'a', '{"turn": 0, "ppl": NaN, "percentile": 0.5}'),
        says: /p\.json: full_history\[0\]: ppl is NaN/,
      },
      {
        what: 'a problem file without a duration',
        name: 'p.json',
        content: '{"problem_index": 0, "full_history": []}',
        says: /p\.json: duration_seconds/,
      },
      { what: 'another kind of file', name: 'x.txt', content: '1', says: /x\.txt is none of \.csv, \.jsonl, \.json/ },
    ];
    for (const { what, name, content, says } of cases) {
      it(what, () => {
        const { message } = refusal(() => read(file(name, content)));
        expect(message).to.match(says);
        expect(message).to.not.include('\n');
      });
    }

    it('lines of something else', () => {
      const path = file('x.jsonl', '{"a":1}\n');
      expect(refusal(() => read(path)).message).to.match(/x\.jsonl:1 is neither a model call/);
    });

    it('the chains of a run, whose calls lie beside them', () => {
      const path = file('samples.jsonl', `${JSON.stringify(chain())}\n`);
      expect(refusal(() => read(path)).message).to.match(
        /samples\.jsonl lists chains without their calls; give its folder/,
      );
    });

    it('a folder that holds no records, and a path that does not exist', () => {
      const folder = join(dirname(file('x', '')), 'empty');
      mkdirSync(folder);
      writeFileSync(join(folder, 'notes.txt'), '');
      expect(refusal(() => read(folder)).message).to.match(/empty holds neither a run/);
      expect(refusal(() => read('none.csv')).message).to.equal('none.csv does not exist');
    });
  });
});

describe('recorded times', () => {
  const file = fileMaker();
  const read = (path: string) => readChainTimes(path, { samples });

  it('of a samples table: a chain a row, its duration split evenly over its turns, quoted answers or not', () => {
    const { chains, turnTimes } = read(data('two_raw.samples.csv'));
    expect(turnTimes).to.equal('split evenly');
    expect(chains).to.have.length(48);
    expect(chains[0].turns).to.have.length(7);
    expect(chains[0].turns.reduce((a, b) => a + b)).to.be.closeTo(54.93339991569519, 1e-9);
    expect(chains[32]).to.include({ problem: '12' });
  });

  it("of a run: the time of each turn's model calls, without queues and barriers", () => {
    const calls = [
      event({ queued: 0, started: 500, finished: 1500 }),
      event({ kind: 'score', queued: 1500, started: 2000, finished: 2250, barrier: 900 }),
      event({ turn: 1, queued: 2250, started: 3000, finished: 5000 }),
      event({ problem: 'p1', sample: 3, queued: 0, started: 0, finished: 4000 }),
    ];
    const path = file('events.jsonl', calls.map((call) => `${JSON.stringify(call)}\n`).join(''));
    const { chains, turnTimes } = read(path);
    expect(turnTimes).to.equal('recorded');
    expect(chains.map(({ problem, turns }) => [problem, turns])).to.deep.equal([
      ['p0', [1.25, 2]],
      ['p1', [4]],
    ]);
  });

  it('refuses what holds none', () => {
    const row = (cells: string) => file('s.csv', `sample,question,duration_s,turns\n${cells}\n`);
    expect(refusal(() => read(row('0,0,-1,2'))).message).to.match(/s\.csv:2: a duration of -1 s/);
    expect(refusal(() => read(row('0,0,inf,2'))).message).to.match(/s\.csv:2: a duration of Infinity s/);
    expect(refusal(() => read(row('0,0,1,0'))).message).to.match(/s\.csv:2: a chain without a turn/);
    expect(refusal(() => read(row(''))).message).to.match(/s\.csv holds no chains/);
    expect(refusal(() => read(data('aime24.json'))).message).to.match(/holds scores, not durations/);
  });
});
