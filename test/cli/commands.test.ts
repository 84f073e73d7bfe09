import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readRun, runConfigSchema, type Summary } from '../../src/index.js';
import { atts, type Outcome, temporaryFolder } from './atts.js';

const small = ['--limit', '2', '--samples', '2', '--turns', '3', '--policy', 'replace', '--calibration-problems', '4'];

function document(outcome: Outcome): Record<string, unknown> {
  expect(outcome.code, outcome.stderr).to.equal(0);
  return JSON.parse(outcome.stdout) as Record<string, unknown>;
}

describe('command line', function () {
  this.timeout(180_000);
  let folder: string;
  before(() => {
    folder = temporaryFolder();
  });

  it('names every setting of a run as a flag in its help', async () => {
    const { stdout, code } = await atts(['run', '--help']);
    expect(code).to.equal(0);
    for (const key of Object.keys(runConfigSchema.shape)) {
      expect(stdout).to.include(`--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    }
  });

  it('run --json puts the summary, and nothing else, on standard output', async () => {
    const out = join(folder, 'run');
    const summary = document(await atts(['run', ...small, '--out', out, '--json'])) as unknown as Summary;
    expect(summary.schema).to.equal('atts.summary/1');
    expect(summary.chains.finished).to.equal(4);
    expect(summary).to.deep.equal(readRun(out).summary);
    const { notes } = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as { notes: string[] };
    expect(notes.join('\n')).to.include('by automatic choice');
  });

  it('run in the directory of other settings is refused by the name of the setting', async () => {
    const { code, stderr } = await atts(['run', ...small, '--seed', '7', '--out', join(folder, 'run')]);
    expect(stderr).to.match(/^atts: .*seed 0, not 7.*\n$/);
    expect(code).to.equal(1);
  });

  it('flags override --config, which overrides the defaults', async () => {
    const config = join(folder, 'config.json');
    writeFileSync(config, JSON.stringify({ method: 'draft-only', limit: 1, samples: 3, turns: 1 }));
    const out = join(folder, 'config-run');
    const summary = document(await atts(['run', '--config', config, '--samples', '2', '--out', out, '--json']));
    expect(summary).to.include({ method: 'draft-only', problems: 1, samples: 2 });
  });

  it('Ctrl-C ends cleanly, says how to resume, and the same command ends with the chains of an unbroken run', async () => {
    const command = (name: string) => [
      ...['run', '--method', 'draft-only', '--limit', '6', '--samples', '4', '--turns', '2', '--concurrency', '2'],
      ...['--out', join(folder, name), '--json'],
    ];
    const samples = join(folder, 'broken', 'samples.jsonl');
    const interrupted = await atts(command('broken'), () => existsSync(samples) && statSync(samples).size > 0);
    expect(interrupted.code, interrupted.stderr).to.equal(130);
    expect(interrupted.stderr).to.match(/interrupted; .*same command/);
    document(await atts(command('broken')));
    document(await atts(command('whole')));
    const texts = (name: string) =>
      readRun(join(folder, name))
        .chains.map(({ problem, sample, chunks, answer }) => JSON.stringify([problem, sample, chunks, answer]))
        .sort();
    expect(texts('broken')).to.deep.equal(texts('whole'));
  });

  it('compare runs the four methods, prints one document and keeps it', async () => {
    const out = join(folder, 'compare');
    const outcome = await atts(['compare', ...small, '--out', out, '--json']);
    const comparison = document(outcome) as { schema: string; methods: Record<string, Summary> };
    expect(comparison.schema).to.equal('atts.compare/1');
    expect(Object.keys(comparison.methods)).to.deep.equal(['draft-only', 'target-only', 'sync', 'async']);
    expect(comparison.methods.sync).to.include({ schedule: 'sync' });
    expect(comparison.methods.async).to.include({ schedule: 'async' });
    expect(JSON.parse(readFileSync(join(out, 'compare.json'), 'utf8'))).to.deep.equal(comparison);
    for (const method of Object.keys(comparison.methods)) {
      expect(existsSync(join(out, method, 'summary.json')), method).to.equal(true);
    }
  });

  it('calibrate writes a bank that run takes', async () => {
    const bank = join(folder, 'bank.json');
    const made = await atts(['calibrate', '--calibration-problems', '3', '--calibration-samples', '2', '--out', bank]);
    expect(made.code, made.stderr).to.equal(0);
    expect(made.stdout).to.match(/turn 0/);
    const file = JSON.parse(readFileSync(bank, 'utf8')) as { schema: string; turns: number[][] };
    expect(file.schema).to.equal('atts.bank/1');
    expect(file.turns[0]).to.have.length(6);
    document(await atts(['run', ...small, '--bank', bank, '--out', join(folder, 'banked'), '--json']));
  });

  it('models list names the embedded checkpoints', async () => {
    const { stdout, code } = await atts(['models', 'list']);
    expect(code).to.equal(0);
    expect(stdout).to.include('abacus-llama-0.4m').and.to.include('abacus-qwen3-2m');
  });

  it('generate writes the same text for the same seed', async () => {
    const args = ['generate', '--model', 'abacus-qwen3-2m', '--prompt', 'Start with 5. Add 3.', '--max-tokens', '12'];
    const first = document(await atts([...args, '--seed', '3', '--json']));
    expect(first).to.deep.include(document(await atts([...args, '--seed', '3', '--json'])));
    expect(first.ids).to.have.lengthOf.at.most(12);
  });

  it('generate writes text as it comes, the same in all', async () => {
    const args = ['generate', '--model', 'abacus-qwen3-2m', '--prompt', 'Start with 5. Add 3.', '--temperature', '1.5'];
    const [streamed, whole] = [await atts(args), await atts([...args, '--json'])];
    expect(streamed.writes).to.be.above(2);
    expect(streamed.stdout).to.equal(`${document(whole).text}\n`);
  });
});
