import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { openEngine, readRun } from '../../src/index.js';
import { type Double, logProbsFrom } from '../engine/remote/double.js';
import { fakeEngine } from '../engine/remote/fake-engine.js';
import { openaiDouble } from '../engine/remote/openai-double.js';
import { sglangDouble } from '../engine/remote/sglang-double.js';
import { atts, temporaryFolder } from './atts.js';

describe('the command line with models on servers', () => {
  const folder = temporaryFolder();
  const doubles: Double[] = [];
  afterEach(() => Promise.all(doubles.splice(0).map((double) => double.stop())));
  async function started(double: Double): Promise<Double> {
    doubles.push(double);
    return double.start();
  }
  const tokenizer = '?tokenizer=abacus-llama-0.4m';
  const small = ['--limit', '3', '--samples', '2', '--turns', '3', '--draft-tokens', '6', '--target-tokens', '6'];
  const calibration = ['--calibration-problems', '3', '--calibration-samples', '2', '--calibration', 'marginal'];
  const chainsIn = (out: string) =>
    readFileSync(join(out, 'samples.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { problem: string; sample: number; status: string });

  it('score says of a text what the model says here', async () => {
    const model = 'abacus-llama-0.4m';
    const engine = await openEngine(model, { ownThread: true, threads: 1 });
    const { host } = await started(sglangDouble(engine));
    const text = 'Start with 5. Add 3.\nStep 1: 5 + 3 = 8.';
    const file = join(folder, 'text');
    writeFileSync(file, text);
    const { stdout, stderr } = await atts(['score', '--model', `sglang://${host}`, '--text-file', file, '--json']);
    expect(stderr).to.equal('');
    const ids = engine.tokenizer.encode(text);
    const { logProbs } = await logProbsFrom(engine, ids, 0);
    const { nll, tokens } = JSON.parse(stdout) as { nll: number; tokens: { id: number }[] };
    expect(tokens.map(({ id }) => id)).to.deep.equal(ids);
    expect(nll).to.be.closeTo(-logProbs.reduce((a, b) => a + b, 0) / logProbs.length, 1e-6);
    await engine.close();
  });

  it('run takes a draft that is here and a target that is not', async () => {
    const { host } = await started(openaiDouble(await fakeEngine('fake-target', 2), { kind: 'vllm' }));
    const out = join(folder, 'mixed');
    const target = `vllm://${host}${tokenizer}#fake-target`;
    const { code, stdout, stderr } = await atts([
      ...['run', '--draft', 'abacus-llama-0.4m', '--target', target, '--threads', '1', ...small, ...calibration],
      ...['--out', out, '--json'],
    ]);
    expect(code, stderr).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.include({ target, problems: 3 });
    expect(chainsIn(out).map(({ status }) => status)).to.deep.equal(new Array(6).fill('finished'));
    expect(readRun(out).manifest.kernelBuild).to.match(/^simd tfjs-.* and vllm [\d.]+$/);
  });

  it('run pauses when its server dies, ends cleanly if it is told to, and goes on where it was', async () => {
    const draft = await started(openaiDouble(await fakeEngine('fake-draft', 1), { kind: 'vllm' }));
    let stopped = 0;
    const target: Double = await started(
      sglangDouble(await fakeEngine('fake-target', 2), {
        spoil(answer) {
          if (stopped === 0 && target.calls.length >= 22) {
            stopped = Date.now();
            void target.stop();
          }
          return answer;
        },
      }),
    );
    const out = join(folder, 'paused');
    const args = [
      ...['run', '--draft', `vllm://${draft.host}${tokenizer}`, '--target', `sglang://${target.host}${tokenizer}`],
      ...[...small, ...calibration, '--concurrency', '1', '--policy', 'replace', '--out', out],
    ];
    const isPaused = () => stopped > 0 && Date.now() - stopped > 1000;
    const paused = await atts(args, isPaused);
    expect(paused.code, paused.stderr).to.equal(130);
    expect(paused.stderr).to.contain(`warning: http://${target.host} does not answer`);
    expect(paused.stderr)
      .to.contain('calls wait until one does')
      .and.to.contain('run the same command again to resume');
    await target.start();
    const resumed = await atts(args);
    expect(resumed.code, resumed.stderr).to.equal(0);
    const chains = chainsIn(out);
    expect(new Set(chains.map(({ problem, sample }) => `${problem} ${sample}`)).size).to.equal(6);
    expect(chains.map(({ status }) => status)).to.deep.equal(new Array(6).fill('finished'));
  });

  it('models inspect says what a server can do', async () => {
    const { host } = await started(sglangDouble(await fakeEngine('fake', 1)));
    const { stdout } = await atts(['models', 'inspect', `sglang://${host}${tokenizer}`]);
    expect(stdout).to.equal(
      [
        'fake',
        `  servers    http://${host} (sglang 0.5.3, float32)`,
        '  context    512 tokens',
        '  tokenizer  abacus-llama-0.4m',
        '  writes     /generate by ids',
        '  scores     /generate, max_new_tokens 0',
        '',
      ].join('\n'),
    );
  });

  it('says in one line, without showing it, that a key is wrong', async () => {
    const { host } = await started(openaiDouble(await fakeEngine('fake', 1), { kind: 'openai', key: 'right' }));
    process.env.OPENAI_API_KEY = 'a-wrong-key';
    try {
      const { code, stderr } = await atts(['generate', '--model', `openai+http://${host}`, '--prompt', 'x']);
      expect(code).to.equal(2);
      expect(stderr).to.equal(
        `atts: http://${host}/v1 answers 401: Unauthorized; its key goes into an environment variable (?key=NAME)\n`,
      );
    } finally {
      delete process.env.OPENAI_API_KEY;
    }
  });
});
