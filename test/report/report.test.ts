import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type AttsError, modelShapes, writeReport } from '../../src/index.js';
import { resultSentence } from '../../src/report/headline.js';
import { reproduceCommand } from '../../src/report/settings.js';
import { readSource } from '../../src/report/source.js';
import { toyComparison, toyMethods, toyRun } from './fixture.js';

const figures = ['accuracy', 'rejection-by-turn', 'rolling-rejection', 'time-by-phase', 'timeline', 'tokens-by-author'];

/** What a reader sees: no sheet, no tags. */
function visibleText(page: string): string {
  return page.replace(/<style>.*?<\/style>/s, '').replace(/<[^>]*>/g, ' ');
}

describe('report', () => {
  const made: string[] = [];
  const keep = (directory: string) => {
    made.push(directory);
    return directory;
  };
  const pageOf = async (directory: string) => readFileSync(await writeReport(keep(directory)), 'utf8');
  let comparison = '';
  let page = '';

  before(async () => {
    comparison = toyComparison({ policy: 'replace' });
    page = await pageOf(comparison);
  });

  after(() => {
    for (const directory of made) rmSync(directory, { recursive: true, force: true });
  });

  it('needs nothing from the network, and forbids it', () => {
    expect(page.replace(/xmlns(:\w+)?="[^"]*"/g, '')).not.to.match(/https?:\/\//);
    expect(page).not.to.match(/<script|<link|<img|@import|url\(/);
    expect(page).to.contain(`Content-Security-Policy" content="default-src 'none'`);
  });

  it('has one row for each method', () => {
    for (const method of toyMethods) expect(page.split(`<tr data-method="${method}"`)).to.have.length(2);
  });

  it('gives pass@k and maj@k with their intervals, a row each for each method', () => {
    for (const method of toyMethods) {
      const cells = (measure: string) =>
        new RegExp(`<tr><th scope="row">${method}</th><td class="word">${measure}</td>.*`).exec(page)?.[0];
      expect(cells('pass@k')).to.match(/<td>\d+\.\d<\/td><td>\d+\.\d \(91–100\)<\/td>/);
      expect(cells('maj@k')).to.match(/ \(52–97\)<\/td>/);
    }
  });

  it('draws every figure and keeps its drawing and specification beside the page', () => {
    for (const name of figures) {
      expect(page).to.contain(`<figure data-figure="${name}">`);
      const spec = JSON.parse(readFileSync(join(comparison, 'figures', `${name}.vl.json`), 'utf8'));
      expect(spec.$schema).to.contain('vega-lite');
      expect(readFileSync(join(comparison, 'figures', `${name}.svg`), 'utf8')).to.match(/^<svg[^>]*xmlns=/);
    }
  });

  it('draws roofline, intensity and accuracy by compute where passes were counted, and says so in one line where the count is damaged', async () => {
    const directory = keep(toyComparison({ policy: 'replace' }));
    const phase = {
      ...{ passes: 10, rows: 80, seconds: 0.5, flops: 2e9 },
      bytes: { weights: 8e8, activations: 1e8, cache: 1e8 },
    };
    const host = { passes: 10, seconds: 0.1, ended: 2, quietPasses: 8, quietSeconds: 0.01 };
    const times = { coefficients: [1e-4, 1e-5, 0, 0, 0], coldSeconds: [], host };
    const model = { shape: modelShapes['qwen2.5-1.5b'], phases: { decode: phase }, ops: {}, total: phase, times };
    const roofs = {
      peak: 5e10,
      bandwidth: 1e10,
      levels: [
        { level: 'L1', bandwidth: 1e11 },
        { level: 'DRAM', bandwidth: 1e10 },
      ],
    };
    const ledger = {
      schema: 'atts.ledger/1',
      roofs,
      models: { draft: model, target: model },
      records: { chains: 1, seconds: 0.1 },
    };
    for (const method of ['sync', 'async'])
      writeFileSync(join(directory, method, 'ledger.json'), JSON.stringify(ledger));
    const profiled = readFileSync(await writeReport(directory), 'utf8');
    expect(profiled).to.contain('async draft decode: 4.0 GFLOP/s at 2.0 FLOP/byte, 0.5 s');
    expect(profiled).to.contain('Roofs: 50 GFLOP/s, 10.0 GB/s.');
    expect(profiled).to.contain('L1 (100.0 GB/s, ridge at 0.5 FLOP/byte), DRAM (10.0 GB/s, ridge at 5.0 FLOP/byte)');
    for (const name of ['intensity-by-turn', 'accuracy-by-compute'])
      expect(profiled).to.contain(`data-figure="${name}"`);
    // Two models of 2 GFLOP over 32 chains.
    expect(profiled).to.match(/async \d+\.\d\u00a0% at 0\.\d+ GFLOP/);
    writeFileSync(join(directory, 'async', 'ledger.json'), '{}');
    const failure = await writeReport(directory).catch((error: AttsError) => error.message);
    expect(failure).to.match(/ledger\.json is not a ledger this version can read; run with --profile again$/);
  });

  it('names every drawing for those who do not see it, and no two things alike', () => {
    expect(page.match(/<svg/g)).to.have.length(2 * figures.length);
    expect(page.match(/<svg class="(wide|narrow)" role="img" aria-label="[^"]{20,}"/g)).to.have.length(
      2 * figures.length,
    );
    const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it('draws in colours of the page only, so that they follow its scheme', () => {
    const drawings = page.slice(page.indexOf('<svg'));
    expect(drawings).not.to.match(/(fill|stroke)="(#|rgb|black|white)/);
  });

  it('says no NaN, undefined or null', () => {
    expect(visibleText(page)).not.to.match(/NaN|undefined|null|Infinity|\[object/);
    expect(page.slice(page.indexOf('<svg'))).not.to.match(/NaN|undefined/);
  });

  it('escapes what came from models and data', async () => {
    const text = '<img src=x onerror=alert(1)>&amp;';
    const odd = await pageOf(
      toyComparison({ oddProblem: '</p><script>alert("1")</script>', text, cue: '<b>Wait</b>,' }),
    );
    expect(odd).not.to.match(/<script|<img|<b>Wait/);
    expect(odd).to.contain('&lt;script&gt;');
    expect(odd).to.contain('&lt;img src=x onerror=alert(1)&gt;&amp;amp;');
  });

  it('stays below 3 MB when there are thousands of chains', async () => {
    const large = await pageOf(toyComparison({ problems: 120, samples: 16 }));
    expect(Buffer.byteLength(large)).to.be.below(3e6);
    expect(large).to.contain('the first 64 of 1,920 chains');
  });

  it('takes its one sentence from the summaries', () => {
    const source = readSource(comparison);
    const [, target, sync, async] = source.methods.map(({ summary }) => summary);
    const sentence = resultSentence(source);
    expect(sentence).to.contain(`${(100 * async.accuracy.mean).toFixed(1)}\u00a0%`);
    const share = (100 * async.tokens.targetGenerated) / target.tokens.targetGenerated;
    expect(sentence).to.contain(`${share.toFixed(0)}\u00a0% of the target’s writing`);
    expect(sentence).to.contain(`${(sync.time.wallSeconds / async.time.wallSeconds).toFixed(1)}× faster than sync`);
  });

  it('says slower where the method was slower', () => {
    const source = readSource(comparison);
    const methods = source.methods.map((method) => {
      const time = { ...method.summary.time, wallSeconds: method.name === 'async' ? 30 : 20 };
      return { ...method, summary: { ...method.summary, time } };
    });
    expect(resultSentence({ ...source, methods })).to.contain('1.5× slower than target-only, 1.5× slower than sync');
  });

  it('strikes through a rejected chunk only where it left the chain', async () => {
    expect(page).to.contain('<del>');
    const kept = await pageOf(toyComparison({ policy: 'continue' }));
    expect(kept).not.to.contain('<del>');
    expect(kept).to.contain('rejected, kept');
  });

  it('reports a run of the draft alone without the sections it has no data for', async () => {
    const directory = toyRun('draft-only');
    const single = await pageOf(directory);
    expect(single).to.contain('<tr data-method="draft-only"');
    expect(single).not.to.contain('Rejection rate');
    expect(single).not.to.contain('Speed-up');
    expect(existsSync(join(directory, 'figures', 'timeline.svg'))).to.equal(true);
    expect(existsSync(join(directory, 'figures', 'rejection-by-turn.svg'))).to.equal(false);
    expect(visibleText(single)).not.to.match(/NaN|undefined|null|Infinity/);
  });

  it('leaves the rolling curve out of a run too short for one, and names a window below 200', async () => {
    expect(await pageOf(toyRun('async', { problems: 1, samples: 1 }))).not.to.contain(
      'data-figure="rolling-rejection"',
    );
    expect(await pageOf(toyRun('async', { problems: 4, samples: 8 }))).to.match(/the last \d\d decisions.*too short/);
  });

  it('gives the command that makes the comparison again', () => {
    const command = reproduceCommand(readSource(comparison));
    expect(command).to.match(/^npx atts compare /);
    expect(command).to.contain('--policy replace');
    expect(command).to.contain('--concurrency 32');
    expect(command).not.to.match(/--method |--schedule|--calibration/);
    const some = reproduceCommand(readSource(keep(toyComparison({ cue: "Wait, it's" }, ['draft-only', 'async']))));
    expect(some).to.contain('--methods draft-only,async');
    expect(some).to.contain(`--cue 'Wait, it'\\''s'`);
  });

  it('writes the same page again from the same records', async () => {
    expect(readFileSync(await writeReport(comparison), 'utf8')).to.equal(page);
  });

  it('refuses an unfinished run and a folder without a run in one line', async () => {
    const unfinished = keep(toyRun('async'));
    rmSync(join(unfinished, 'summary.json'));
    expect((await failure(unfinished)).message).to.match(/not finished/);
    const empty = keep(mkdtempSync(join(tmpdir(), 'atts-report-')));
    expect((await failure(empty)).code).to.equal('config');
    writeFileSync(join(empty, 'compare.json'), '{"schema":"atts.compare/1","methods":{}}');
    expect((await failure(empty)).message).to.match(/compares nothing/);
  });
});

async function failure(directory: string): Promise<AttsError> {
  try {
    await writeReport(directory);
  } catch (error) {
    return error as AttsError;
  }
  throw new Error('no error');
}
