import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { AttsError } from '../../src/errors.js';
import { loadDataset } from '../../src/tasks/datasets/index.js';
import { math100 } from '../../src/tasks/datasets/math100.js';
import { readParquet } from '../../src/tasks/datasets/parquet.js';

type Value = string | number | bigint | null | string[];

describe('problems from files', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'atts-files-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const golds = async (spec: string, seed = 0) => (await loadDataset(spec, { seed })).problems.map((p) => p.answer);
  async function failure(spec: string): Promise<string> {
    try {
      await loadDataset(spec);
    } catch (error) {
      expect(error, String((error as Error).stack)).to.be.instanceOf(AttsError);
      expect((error as AttsError).message).to.not.include('\n');
      return (error as AttsError).message;
    }
    throw new Error(`${spec} was accepted`);
  }

  const columns = (values: Record<string, Value[]>) => Object.entries(values).map(([name, data]) => ({ name, data }));
  const parquet = (name: string, values: Record<string, Value[]>) =>
    file(name, Buffer.from(parquetWriteBuffer({ columnData: columns(values) })));

  it('finds the gold answer in every known layout', async () => {
    const rows = [
      { problem: 'a', answer: 27.0 },
      { Problem: 'b', Answer: 'x' },
      { question: 'c', answer: '2 + 2 = 4\n#### 1,004' },
      { question: 'd', final_answer: ['1', '-2'] },
      { question: 'e', solution: 'so $x = \\boxed{\\frac{1}{2}}$.' },
      { question: 'f', solution: 'six\n#### 6' },
    ];
    const path = file('layouts.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    expect(await golds(path)).to.deep.equal(['27', 'x', '1,004', '1, -2', '\\frac{1}{2}', '6']);
  });

  it('reads the same problems from JSON lines, JSON, CSV and Parquet', async () => {
    const rows = [
      { id: 'x', question: 'What is\n"1 + 1", please?', answer: 'two\n#### 2' },
      { id: 'y', question: 'Wie groß ist π?', answer: '3' },
    ];
    const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const csv = ['id,question,answer', ...rows.map((row) => Object.values(row).map(quote).join(','))].join('\r\n');
    const paths = [
      file('same.jsonl', rows.map((row) => JSON.stringify(row)).join('\n')),
      file('same.json', JSON.stringify(rows)),
      file('same.csv', `\ufeff${csv}`),
      parquet('same.parquet', {
        id: rows.map(({ id }) => id),
        question: rows.map(({ question }) => question),
        answer: rows.map(({ answer }) => answer),
        unused: [1, 2],
      }),
    ];
    const loaded = await Promise.all(paths.map((path) => loadDataset(path)));
    expect(loaded.map(({ problems }) => problems)).to.deep.equal(
      paths.map(() => [
        { id: 'x', problem: rows[0].question, answer: '2' },
        { id: 'y', problem: rows[1].question, answer: '3' },
      ]),
    );
  });

  it('takes whole numbers of 64 bits, doubles and lists from Parquet', async () => {
    expect(await golds(parquet('int64.parquet', { question: ['a', 'b'], answer: [204n, 2n ** 60n] }))).to.deep.equal([
      '204',
      '1152921504606846976',
    ]);
    expect(await golds(parquet('double.parquet', { question: ['a'], answer: [27.5] }))).to.deep.equal(['27.5']);
  });

  it('reads what pyarrow writes: dictionary pages, Zstandard, lists', async () => {
    const path = fileURLToPath(new URL('../../../test/tasks/data/pyarrow-lists.parquet', import.meta.url));
    const { problems, notes } = await loadDataset(path);
    expect(problems.map(({ id, answer }) => [id, answer])).to.deep.equal([
      ['1606', '2, -2'],
      ['1610', '$2$'],
      ['1612', '3'],
      ['1613', '2'],
    ]);
    expect(problems[2].problem).to.equal('Wie groß ist π, gerundet?');
    expect(notes).to.deep.equal(['1 question is asked more than once, the first as problems 1610 and 1613']);
  });

  it('gives a named set’s rows to NAME=PATH: MATH100 is 100 of 500, and calibrates on the others', async () => {
    const rows = Array.from({ length: 500 }, (_, i) => `{"problem":"q${i}","answer":"${i}"}`);
    const spec = `math500:math100=${file('math.jsonl', rows.join('\n'))}`;
    const test = await loadDataset(spec);
    expect(test.name).to.equal('math500:math100');
    expect(test.problems.map(({ answer }) => Number(answer))).to.deep.equal(math100);
    expect(test.problems[0].id).to.equal('327');
    const calibration = await loadDataset(spec, { split: 'calibration', calibrationProblems: 60 });
    expect(calibration.problems.length).to.equal(400);
    expect(calibration.problems.some(({ id }) => math100.includes(Number(id)))).to.equal(false);
    expect(await failure(`math500:math100=${file('few.jsonl', rows.slice(0, 400).join('\n'))}`)).to.match(
      /its file has 400 problems, and the set needs number 426|needs number \d+/,
    );
    expect(await failure('gsm9k=x.jsonl')).to.include("unknown dataset 'gsm9k'");
  });

  describe('multiple choice', () => {
    const right = (n: number) => `right ${n}`;
    const header = 'Record ID,Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3';
    const gpqa = () =>
      file(
        'gpqa.csv',
        [header, ...Array.from({ length: 200 }, (_, i) => `r,q${i},${right(i)},wrong a,wrong b,wrong c`)].join('\n'),
      );

    it('shuffles the options by seed and problem, and the gold answer is the letter of the right one', async () => {
      const path = gpqa();
      const { problems } = await loadDataset(path, { seed: 1 });
      problems.forEach(({ answer, choices }, i) => {
        expect(choices?.texts['ABCD'.indexOf(answer)]).to.equal(right(i));
        expect(choices?.order['ABCD'.indexOf(answer)]).to.equal(0);
        expect([...(choices?.order ?? [])].sort()).to.deep.equal([0, 1, 2, 3]);
      });
      expect(await golds(path, 1)).to.deep.equal(problems.map(({ answer }) => answer));
      expect(await golds(path, 2)).to.not.deep.equal(problems.map(({ answer }) => answer));
      expect((await loadDataset(path, { seed: 1, limit: 5 })).problems).to.deep.equal(problems.slice(0, 5));
      // Binomial(200, 1/4): 27 and 75 are four standard deviations away.
      for (const letter of 'ABCD') {
        expect(problems.filter(({ answer }) => answer === letter).length).to.be.within(27, 75);
      }
    });

    it('takes the answer by text, letter or position', async () => {
      const choices = ['p', 'q', 'r'];
      const rows = ['q', 'B', 1].map((answer) => ({ question: 'x', choices, answer }));
      const { problems } = await loadDataset(file('choices.json', JSON.stringify(rows)));
      for (const { answer, choices } of problems) expect(choices?.texts['ABC'.indexOf(answer)]).to.equal('q');
    });

    it('says what is missing', async () => {
      const row = (value: object) => failure(file('bad.json', JSON.stringify([value])));
      expect(await row({ question: 'x', choices: ['p', 'q'], answer: 'z' })).to.include(
        "[0]: the 'answer' is none of the choices",
      );
      expect(await row({ question: 'x', choices: ['p'], answer: 'p' })).to.include('list of 2 to 26');
      expect(await row({ question: 'x', 'Correct Answer': 'p', 'Incorrect Answer 1': 'q' })).to.include(
        "no 'incorrect answer 2'",
      );
    });
  });

  it('names file and line of a bad row', async () => {
    expect(await failure(file('a.csv', 'question,answer\nx,1\n"multi\nline",\n'))).to.match(/a\.csv:4: no 'answer'/);
    expect(await failure(file('b.csv', 'question,answer\nx,1,2\n'))).to.match(/b\.csv:2: /);
    expect(await failure(file('c.csv', 'question,answer\n"x,1\n'))).to.match(/c\.csv:\d: .*[Qq]uote/);
    expect(await failure(file('d.csv', ''))).to.include('no problems');
    expect(await failure(parquet('e.parquet', { question: ['x', null], answer: ['1', '2'] }))).to.match(
      /e\.parquet: row 2: no question/,
    );
    expect(await failure(parquet('f.parquet', { other: ['x'] }))).to.match(/f\.parquet: .*none of the columns/);
    expect(await failure(join(folder, 'missing.parquet'))).to.include('no such file');
  });

  describe('that are broken', () => {
    // A generator of its own, so that a failure can be repeated: mulberry32.
    const random = (seed: number) => () => {
      seed = (seed + 0x6d2b79f5) >>> 0;
      let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
    const broken = (bytes: Buffer, next: () => number): Buffer => {
      const copy = Buffer.from(bytes);
      if (next() < 0.3) return copy.subarray(0, Math.floor(next() * copy.length));
      for (let flips = 1 + Math.floor(next() * 8); flips > 0; flips--) {
        copy[Math.floor(next() * copy.length)] ^= 1 << Math.floor(next() * 8);
      }
      return copy;
    };
    /** One line, or problems: nothing else may come of any bytes. */
    const survives = async (path: string) => {
      const outcome = await loadDataset(path).catch((error) => error);
      if (outcome instanceof Error) {
        expect(outcome, outcome.stack).to.be.instanceOf(AttsError);
        expect(outcome.message).to.not.include('\n');
      }
    };

    it('as text, are refused in one line or read', async () => {
      const rows = Array.from({ length: 5 }, (_, i) => ({ question: `q${i}`, answer: `#### ${i}`, choices: null }));
      const texts = {
        jsonl: rows.map((row) => JSON.stringify(row)).join('\n'),
        json: JSON.stringify(rows),
        csv: 'question,answer\n"a ""b""",1\nc,2\n',
      };
      for (const [extension, text] of Object.entries(texts)) {
        const next = random(7);
        for (let i = 0; i < 100; i++) await survives(file(`broken.${extension}`, broken(Buffer.from(text), next)));
      }
      await survives(file('deep.json', '['.repeat(200_000)));
      await survives(file('deep.jsonl', `{"problem":${'['.repeat(200_000)}`));
    });

    it('as Parquet, are refused in one line or read, in bounded time', async () => {
      const whole = Buffer.from(
        parquetWriteBuffer({ columnData: columns({ question: ['a', 'b', 'a'], answer: ['1', '2', '3'] }) }),
      );
      const next = random(11);
      const paths = Array.from({ length: 16 }, (_, i) => file(`broken-${i}.parquet`, broken(whole, next)));
      for (let i = 0; i < paths.length; i += 4) {
        await Promise.all(
          paths.slice(i, i + 4).map((path) =>
            readParquet(path, ['question', 'answer'], 2).catch((error) => {
              expect(error).to.be.instanceOf(AttsError);
              expect((error as AttsError).message).to.match(
                /^[^\n]*broken-\d+\.parquet: not a Parquet file that can be read/,
              );
            }),
          ),
        );
      }
    });

    it('as Parquet that declares more rows than there are bytes, are refused', async () => {
      const whole = Buffer.from(
        parquetWriteBuffer({ columnData: columns({ question: Array(40).fill('a'), answer: Array(40).fill('1') }) }),
      );
      // The footer says twice that there are 40 rows (a zig-zag 80), in the group and in the file: now it says 2³³.
      const footer = whole.length - 8 - whole.readUInt32LE(whole.length - 8);
      const at = whole.indexOf(Buffer.from([0x16, 80]), footer);
      expect(at).to.be.greaterThan(0);
      const huge = Buffer.concat([
        whole.subarray(0, at + 1),
        Buffer.from([0x80, 0x80, 0x80, 0x80, 0x40]),
        whole.subarray(at + 2),
      ]);
      huge.writeUInt32LE(huge.length - 8 - footer, huge.length - 8);
      expect(await failure(file('huge.parquet', huge))).to.match(/huge\.parquet: .*declares 8589934592 rows/);
    });
  });
});
