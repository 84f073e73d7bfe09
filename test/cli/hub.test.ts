import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { embeddedCheckpoints } from '../../src/index.js';
import { namedSets } from '../../src/tasks/datasets/sources.js';
import { hubEnvironment } from '../models/hub/environment.js';
import { atts, temporaryFolder } from './atts.js';

const commit = 'a'.repeat(40);
/** The draft alone, four tokens a problem. */
const shortRun = ['run', '--method', 'draft-only', '--samples', '1', '--turns', '1', '--draft-tokens', '4'];

describe('command line: a hub', () => {
  const hub = hubEnvironment();
  let folder: string;
  before(() => {
    folder = temporaryFolder();
    const [draft] = embeddedCheckpoints();
    const files = Object.fromEntries(
      readdirSync(draft.folder).map((name) => [name, readFileSync(join(draft.folder, name))]),
    );
    hub.server.repositories['org/abacus'] = { commit, files };
  });

  const oneLine = (stderr: string) => expect(stderr).to.match(/^atts: [^\n]+\n$/);

  it('models pull brings a model that is then a model like any other', async () => {
    const before = await atts(['generate', '--model', 'org/abacus', '--prompt', 'x']);
    expect(before.code).to.equal(2);
    expect(before.stderr).to.equal('atts: org/abacus is not here; run atts models pull org/abacus\n');
    const pulled = await atts(['models', 'pull', 'org/abacus', '--json']);
    expect(pulled.code, pulled.stderr).to.equal(0);
    expect(JSON.parse(pulled.stdout)).to.deep.include({ spec: 'org/abacus', commit });
    const again = await atts(['models', 'pull', 'org/abacus', '--offline']);
    expect(again.stdout).to.match(/^model {6}org\/abacus \(commit aaaaaaaa\)\nfolder .*snapshots.a{40}\n$/);
    const list = await atts(['models', 'list']);
    expect(list.stdout).to.match(/org\/abacus +main aaaaaaaa +\d+ +1\.8 MB/);
    const write = ['--prompt', 'Start with 5. Add 3.', '--max-tokens', '8', '--temperature', '0', '--json'];
    const [ours, theirs] = await Promise.all(
      ['abacus-llama-0.4m', 'org/abacus'].map((model) => atts(['generate', '--model', model, ...write])),
    );
    expect(theirs.code, theirs.stderr).to.equal(0);
    expect(theirs.stdout).to.equal(ours.stdout);
  });

  it('says in one line what it cannot pull', async () => {
    const cases: [string[], number, RegExp][] = [
      [['org/none'], 1, /no such model repository/],
      [['org/abacus@v2'], 1, /no such revision/],
      [['org/abacus', '--offline', '--revision', 'v2'], 1, /not in the cache/],
      [['org/abacus', '--offline', '--file', 'x.gguf'], 1, /x\.gguf of org\/abacus is not in the cache/],
      [['org/abacus', '--include', '*.bin'], 2, /no file that matches \*\.bin/],
      [['abacus'], 2, /abacus is not a hub id/],
    ];
    for (const [args, code, says] of cases) {
      const outcome = await atts(['models', 'pull', ...args]);
      expect(outcome.code, args.join(' ')).to.equal(code);
      oneLine(outcome.stderr);
      expect(outcome.stderr).to.match(says);
    }
  });

  it('run takes a data set by name, and records where it came from and how options were shuffled', async () => {
    const { repository, revision, file } = namedSets.gpqa;
    const header = 'Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3';
    const rows = [header, ...Array.from({ length: 9 }, (_, i) => `What is ${i} + 1?,${i + 1},0,10,20`)];
    hub.server.repositories[`datasets/${repository}`] = {
      commit: revision,
      files: { [file]: Buffer.from(rows.join('\n')) },
    };
    const out = join(folder, 'gpqa');
    const args = [...shortRun, '--dataset', 'gpqa'];
    const { code, stderr } = await atts([...args, '--prompt', 'paper', '--out', out]);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.include('3 of 9 problems are set aside for calibration');
    const { dataset, notes } = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'));
    expect(dataset).to.deep.include({ name: 'gpqa', problems: 6, source: { repository, revision, files: [file] } });
    expect(Object.keys(dataset.choices).length).to.equal(6);
    for (const choice of Object.values(dataset.choices)) expect(choice).to.match(/^[A-D] of [0-3],[0-3],[0-3],[0-3]$/);
    expect(notes).to.include('3 of 9 problems are set aside for calibration and not evaluated');
  });

  it('a run of another prompt, or of another text in the prompt file, is refused by the name of what differs', async () => {
    const prompts = join(folder, 'prompts');
    mkdirSync(prompts);
    const mine = join(prompts, 'mine.txt');
    writeFileSync(mine, 'Q: {problem}\n');
    const out = join(folder, 'prompted');
    const run = (prompt: string) => atts([...shortRun, '--limit', '1', '--prompt', prompt, '--out', out]);
    const first = await run(`file:${mine}`);
    expect(first.code, first.stderr).to.equal(0);
    expect(JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')).promptFile.text).to.equal('Q: {problem}\n');
    const other = await run('raw');
    expect(other.code).to.equal(1);
    expect(other.stderr).to.match(/was made with prompt file:.*mine\.txt, not raw/);
    writeFileSync(mine, 'Question: {problem}\n');
    const changed = await run(`file:${mine}`);
    expect(changed.stderr).to.match(/was made with prompt file contents [0-9a-f]{64}, not /);
    const bad = await run('poem');
    expect(bad.code).to.equal(2);
    expect(bad.stderr).to.match(/--prompt must be one of chat, paper, raw or file:PATH \(got poem\)/);
  });
});
