import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Engine, type ListeningServer, listen, openEngine } from '../../src/index.js';
import type { Completion } from '../../src/server/schemas/completions.js';
import { openServed } from './served.js';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 20_000) throw new Error('it never came to be');
    await sleep(5);
  }
}

/** A chat prompt that the model goes on with for long. */
function long(engine: Engine): number[] {
  return [...engine.tokenizer.chat([{ role: 'user', content: 'Start with 5. Add 3. Double it.' }]).ids];
}

describe('the life of a server', () => {
  let engine: Engine;
  let server: ListeningServer;
  const post = (body: object, signal?: AbortSignal) =>
    fetch(`${server.url}/v1/completions`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal },
    });
  beforeEach(async () => {
    engine = await openEngine('abacus-qwen3-2m');
    server = await listen({ engines: { target: engine }, host: '127.0.0.1', port: 0, maxQueue: 0 });
  });
  afterEach(async () => {
    await server.stop(0);
    await engine.close();
  });
  const running = () => (engine.load?.running ?? 0) + (engine.load?.waiting ?? 0);

  for (const stream of [false, true]) {
    it(`gives up the calls of a client that has gone${stream ? ' in the middle of a stream' : ''}`, async () => {
      const controller = new AbortController();
      // Greedy, so that none ends before the others.
      const body = { prompt: long(engine), max_tokens: 400, temperature: 0, n: 4, stream };
      const gone = post(body, controller.signal).then((response) => response.text());
      await until(() => running() === 4);
      controller.abort();
      expect(
        await gone.then(
          () => 'answered',
          () => 'gone',
        ),
      ).to.equal('gone');
      await until(() => running() === 0);
      expect((await post({ prompt: [40], max_tokens: 1 })).status).to.equal(200);
    });
  }

  it('stays well where a request is longer than the cache of an engine on a thread of its own', async () => {
    const small = await openEngine('abacus-qwen3-2m', { ownThread: true, threads: 1, memory: 0.8 });
    const tight = await listen({ engines: { target: small }, host: '127.0.0.1', port: 0 });
    const response = await fetch(`${tight.url}/v1/completions`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ prompt: Array(200).fill(40), max_tokens: 1 }),
    });
    expect(response.status).to.equal(400);
    expect((await response.json()).error.code).to.equal('context_length_exceeded');
    expect((await fetch(`${tight.url}/health`)).status).to.equal(200);
    await tight.stop(0);
    await small.close();
  });

  it('tells a request to come again while its calls would wait too long, and takes it then', async () => {
    const controller = new AbortController();
    const prompt = Array.from({ length: 100 }, () => long(engine));
    // Greedy, so that all end at the same token and none before.
    const busy = post({ prompt, max_tokens: 400, temperature: 0, n: 2 }, controller.signal).catch(() => null);
    await until(() => running() === 200);
    const refused = await post({ prompt: [40], n: 57 });
    expect(refused.status).to.equal(429);
    expect(refused.headers.get('retry-after')).to.equal('1');
    expect(((await refused.json()) as { error: { type: string } }).error.type).to.equal('rate_limit_error');
    expect((await post({ prompt: [40], n: 1, max_tokens: 1 })).status).to.equal(200);
    controller.abort();
    await busy;
    await until(() => running() === 0);
    expect((await post({ prompt: [40], n: 57, max_tokens: 1 })).status).to.equal(200);
    // More than it ever takes is the request's own fault.
    expect((await post({ prompt: prompt.slice(0, 3), n: 100 })).status).to.equal(400);
  });

  it('ends requests under way when it stops, and refuses new ones meanwhile', async () => {
    const request = { prompt: long(engine), max_tokens: 30, temperature: 100, seed: 1 };
    const [expected] = ((await (await post(request)).json()) as Completion).choices;
    const underWay = post(request);
    await until(() => running() === 1);
    const stopped = server.stop(30);
    const late = await post({ prompt: [40], max_tokens: 1 });
    expect(late.status).to.equal(503);
    expect((await fetch(`${server.url}/health`)).status).to.equal(503);
    const [choice] = ((await (await underWay).json()) as Completion).choices;
    expect(choice).to.deep.equal(expected);
    await stopped;
    expect(
      await fetch(server.url).then(
        () => 'answered',
        () => 'closed',
      ),
    ).to.equal('closed');
  });

  it('gives up requests that do not end within the time it has', async () => {
    // Greedy, so that none ends before the others.
    const body = { prompt: Array(20).fill(long(engine)), max_tokens: 400, temperature: 0 };
    const underWay = post(body).then(
      () => 'answered',
      () => 'given up',
    );
    await until(() => running() === 20);
    await server.stop(0.01);
    expect(await underWay).to.equal('given up');
    await until(() => running() === 0);
  });

  it('counts what it does', async () => {
    const served = await openServed();
    for (const n of [1, 3])
      await served.ask('/v1/completions', { prompt: [40, 41, 42], max_tokens: 2, n, temperature: 0 });
    await served.ask('/v1/completions', { prompt: [40, 41, 42], max_tokens: 0, echo: true, logprobs: 0 });
    await served.ask('/v1/completions', { prompt: 5 });
    const { body } = await served.app.inject({ url: '/metrics' });
    const value = (line: string) =>
      Number(
        body
          .split('\n')
          .find((one) => one.startsWith(line))
          ?.split(' ')
          .at(-1),
      );
    const model = 'model="abacus-qwen3-2m"';
    expect(value('atts_requests_total{route="/v1/completions",status="200"}')).to.equal(3);
    expect(value('atts_requests_total{route="/v1/completions",status="400"}')).to.equal(1);
    expect(value(`atts_tokens_total{${model},kind="generated"}`)).to.be.within(4, 8);
    expect(value(`atts_tokens_total{${model},kind="scored"}`)).to.equal(2);
    expect(value(`atts_time_to_first_token_seconds_count{${model}}`)).to.equal(4);
    expect(value(`atts_calls{${model},state="running"}`)).to.equal(0);
    expect(value(`atts_kv_cache_usage_ratio{${model}}`)).to.equal(0);
    expect(value('atts_rejection_rate')).to.equal(0);
    await served.close();
  });
});

describe('atts serve', () => {
  const start = (args: string[], env: Record<string, string> = {}) => {
    const child = spawn(process.execPath, [main, 'serve', ...args], {
      ...{ stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } },
    });
    const outcome = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => {
      outcome.stdout += data;
    });
    child.stderr.on('data', (data) => {
      outcome.stderr += data;
    });
    const ended = once(child, 'close').then(([code]) => code as number);
    return { child, outcome, ended };
  };

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`says where it listens, answers, and ends in an orderly way at ${signal}`, async () => {
      const pair = ['--draft', 'abacus-llama-0.4m', '--target', 'abacus-qwen3-2m'];
      const args = signal === 'SIGINT' ? pair : ['--model', 'abacus-llama-0.4m'];
      const { child, outcome, ended } = start([...args, '--port', '0', '--json'], { ATTS_API_KEY: 'a key' });
      await until(() => outcome.stdout.endsWith('\n'));
      const { schema, url, models } = JSON.parse(outcome.stdout);
      expect({ schema, models }).to.deep.equal({
        schema: 'atts.serve/1',
        models: signal === 'SIGINT' ? ['abacus-qwen3-2m', 'abacus-llama-0.4m', 'atts'] : ['abacus-llama-0.4m'],
      });
      const headers = { 'content-type': 'application/json', authorization: 'Bearer a key' };
      const body = JSON.stringify({ prompt: 'private', max_tokens: 1 });
      expect((await fetch(`${url}/v1/completions`, { method: 'POST', headers, body })).status).to.equal(200);
      expect((await fetch(`${url}/v1/models`)).status).to.equal(401);
      child.kill(signal);
      expect(await ended).to.equal(0);
      expect(outcome.stderr).to.match(/^stopping .*\n$/);
    });
  }

  it('refuses what it cannot serve in one line', async () => {
    const model = ['--model', 'abacus-llama-0.4m'];
    const pair = ['--draft', 'abacus-llama-0.4m', '--target', 'abacus-llama-0.4m'];
    const refusals = [
      [[], /^atts: give --model .*\n$/],
      [[...model, ...pair], /^atts: give --model .*\n$/],
      [pair.slice(2), /^atts: give --model .*\n$/],
      [[...model, '--port', '70000'], /^atts: --port must be .*70000.*\n$/],
      [['--model', 'no-such-model'], /^atts: .*no-such-model.*\n$/],
      [[...pair, '--calibration', 'marginal'], /^atts: .*--bank.*\n$/],
    ] as const;
    await Promise.all(
      refusals.map(async ([args, message]) => {
        const { outcome, ended } = start([...args]);
        expect(await ended, args.join(' ')).to.equal(2);
        expect(outcome.stderr).to.match(message);
      }),
    );
  });
});
