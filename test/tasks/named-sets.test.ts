import { expect } from 'chai';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { AttsError } from '../../src/errors.js';
import { loadDataset } from '../../src/tasks/datasets/index.js';
import { namedSets } from '../../src/tasks/datasets/sources.js';
import { hubEnvironment } from '../models/hub/environment.js';
import { token } from '../models/hub/server.js';

/** A file in the format of its name, as the set's own is laid out. */
function fileOf(name: string, path: string, count: number, from = 0): Buffer {
  const numbers = Array.from({ length: count }, (_, i) => i + from);
  if (path.endsWith('.csv')) {
    const header = 'Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3';
    return Buffer.from([header, ...numbers.map((n) => `q${n},r${n},a,b,c`)].join('\n'));
  }
  if (path.endsWith('.jsonl')) {
    return Buffer.from(numbers.map((n) => JSON.stringify({ problem: `q${n}`, answer: String(n) })).join('\n'));
  }
  const answers = numbers.map((n) => (name === 'gsm8k' ? `so\n#### ${n}` : String(n)));
  const columnData = [
    { name: 'question', data: numbers.map((n) => `q${n}`) },
    { name: name === 'olympiadbench' ? 'final_answer' : 'answer', data: answers },
  ];
  return Buffer.from(parquetWriteBuffer({ columnData }));
}

describe('data sets by name', () => {
  const hub = hubEnvironment();
  before(() => {
    for (const [name, { repository, revision, file, calibrationFile }] of Object.entries(namedSets)) {
      // The training problems of this one begin with ten that the test asks too.
      const calibration = calibrationFile ? { [calibrationFile]: fileOf(name, calibrationFile, 40, 490) } : {};
      const files = { [file]: fileOf(name, file, 500), ...calibration, 'README.md': Buffer.from('#') };
      hub.server.repositories[`datasets/${repository}`] = { commit: revision, files };
    }
  });
  afterEach(() => {
    delete process.env.HF_HUB_OFFLINE;
    delete process.env.HF_TOKEN;
  });

  for (const [name, set] of Object.entries(namedSets)) {
    it(`${name}: comes from one commit of the hub, and no question of its calibration split is evaluated`, async () => {
      const options = { calibrationProblems: 60, seed: 3 };
      const test = await loadDataset(name, options);
      const calibration = await loadDataset(name, { ...options, split: 'calibration' });
      const asked = test.problems.map(({ problem }) => problem);
      expect(calibration.problems.filter(({ problem }) => asked.includes(problem))).to.deep.equal([]);
      expect(calibration.problems.filter(({ id }) => test.problems.some((other) => other.id === id))).to.deep.equal([]);
      expect(calibration.problems.length).to.equal(name === 'gsm8k' ? 30 : name === 'math500:math100' ? 400 : 60);
      expect(test.problems.length).to.equal(name === 'gsm8k' ? 500 : name === 'math500:math100' ? 100 : 440);
      expect(test.source).to.deep.include({ repository: set.repository, revision: set.revision });
      for (const { problem, answer, choices } of test.problems) {
        const said = choices ? choices.texts['ABCD'.indexOf(answer)].slice(1) : answer;
        expect(said).to.equal(problem.slice(1));
      }
    });
  }

  it('are taken from the cache without a word to the hub', async () => {
    await loadDataset('math500');
    const requests = hub.server.seen.length;
    await loadDataset('math500');
    process.env.HF_HUB_OFFLINE = '1';
    await loadDataset('math500:math100');
    expect(hub.server.seen.length).to.equal(requests);
  });

  it('say in one line what is in the way, and the way round it', async () => {
    const name = 'gpqa';
    const at = `datasets/${namedSets[name].repository}`;
    const refusal = async () => {
      const error = await loadDataset(name).catch((cause) => cause);
      expect(error).to.be.instanceOf(AttsError);
      return (error as AttsError).message;
    };
    // Another commit, with other bytes: what is in the cache needs no leave of the hub.
    const { revision, file } = namedSets[name];
    const other = { ...namedSets[name], revision: revision.replace(/^./, 'f') };
    (namedSets as Record<string, unknown>)[name] = other;
    try {
      const files = { [file]: fileOf(name, file, 501) };
      hub.server.repositories[at] = { commit: other.revision, files, gated: true };
      expect(await refusal()).to.match(/gated.*HF_TOKEN; or give a file of your own: --dataset gpqa=PATH$/);
      process.env.HF_HUB_OFFLINE = '1';
      expect(await refusal()).to.match(/not in the cache .*offline.*--dataset gpqa=PATH$/);
      delete process.env.HF_HUB_OFFLINE;
      process.env.HF_TOKEN = token;
      expect((await loadDataset(name)).problems.length).to.equal(501);
    } finally {
      (namedSets as Record<string, unknown>)[name] = { ...other, revision };
    }
  });
});
