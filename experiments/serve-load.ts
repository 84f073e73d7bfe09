/**
 * What a server costs: so many clients, each with one request at a time over a connection of its own, against as many
 * loops that ask the engine directly for the same. Rounds of the two alternate on one engine in one process; the clients
 * are a process of their own, as clients are. The server fails by an answer that is not 200.
 *
 *   node dist/experiments/serve-load.js [--clients 64] [--seconds 60] [--rounds 3] [--model abacus-qwen3-2m]
 *     [--tokens 64] [--threads 1] [--out runs/serve-load]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Engine, listen, loadDataset, median, openEngine, promptMessages, quantile } from '../src/index.js';
import { markdownTable, writeResults } from './table.js';

/** What one client or loop did: milliseconds and generated tokens of each request. */
interface Answered {
  readonly milliseconds: number;
  readonly tokens: number;
}

interface Round {
  /** Where the clients ask. */
  readonly url: string;
  readonly clients: number;
  readonly seconds: number;
  readonly tokens: number;
  readonly prompts: readonly (readonly number[])[];
}

/** Keeps `clients` loops busy for so long; a request that has begun is waited for and counted. */
async function underLoad(
  { clients, seconds, prompts }: Omit<Round, 'url'>,
  ask: (prompt: readonly number[], seed: number) => Promise<number>,
): Promise<Answered[]> {
  const answered: Answered[] = [];
  const end = performance.now() + 1000 * seconds;
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let seed = client; performance.now() < end; seed += clients) {
        const begun = performance.now();
        const tokens = await ask(prompts[seed % prompts.length], seed);
        answered.push({ milliseconds: performance.now() - begun, tokens });
      }
    }),
  );
  return answered;
}

/** The process of the clients: takes rounds from its parent and sends back what came of them. */
async function beClients(): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  process.on('message', async (round: Round) => {
    const ask = async (prompt: readonly number[], seed: number): Promise<number> => {
      const sent = request(`${round.url}/v1/completions`, {
        ...{ agent, method: 'POST', headers: { 'content-type': 'application/json' } },
      });
      sent.end(JSON.stringify({ prompt, seed, max_tokens: round.tokens, temperature: 0.8 }));
      const [response] = await once(sent, 'response');
      let body = '';
      for await (const piece of response.setEncoding('utf8')) body += piece;
      if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}: ${body.slice(0, 200)}`);
      return JSON.parse(body).usage.completion_tokens;
    };
    process.send?.(await underLoad(round, ask));
  });
  process.send?.('ready');
}

async function drive(): Promise<void> {
  const { values } = parseArgs({
    options: {
      clients: { type: 'string', default: '64' },
      seconds: { type: 'string', default: '60' },
      rounds: { type: 'string', default: '3' },
      model: { type: 'string', default: 'abacus-qwen3-2m' },
      tokens: { type: 'string', default: '64' },
      threads: { type: 'string', default: '1' },
      out: { type: 'string', default: 'runs/serve-load' },
    },
  });
  const engine = await openEngine(values.model, { threads: Number(values.threads) });
  const { problems } = await loadDataset('abacus', { limit: 64 });
  const prompts = problems.map((problem) => engine.tokenizer.chat(promptMessages(problem)).ids);
  const server = await listen({ engines: { target: engine }, host: '127.0.0.1', port: 0 });
  const child = fork(fileURLToPath(import.meta.url), { env: { ...process.env, ATTS_LOAD_CLIENTS: '1' } });
  await once(child, 'message');
  const [clients, tokens, rounds] = [values.clients, values.tokens, values.rounds].map(Number);
  const settings = { clients, tokens, prompts, url: server.url };
  const direct = (seconds: number) => underLoad({ ...settings, seconds }, asking(engine, tokens));
  const served = async (seconds: number): Promise<Answered[]> => {
    child.send({ ...settings, seconds } satisfies Round);
    const [answered] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error('a client failed'))),
    ]);
    return answered as Answered[];
  };
  await direct(2);
  await served(2);
  const seconds = Number(values.seconds) / rounds;
  const rows: { direct: number; served: number; latencies: number[]; rss: number }[] = [];
  const rate = async (round: (seconds: number) => Promise<Answered[]>) => {
    const begun = performance.now();
    const answered = await round(seconds);
    const sum = answered.reduce((total, { tokens }) => total + tokens, 0);
    return { perSecond: (1000 * sum) / (performance.now() - begun), answered };
  };
  for (let i = 0; i < rounds; i++) {
    const order = i % 2 === 0 ? [direct, served] : [served, direct];
    const [first, second] = [await rate(order[0]), await rate(order[1])];
    const [own, http] = i % 2 === 0 ? [first, second] : [second, first];
    rows.push({
      ...{ direct: own.perSecond, served: http.perSecond },
      ...{ latencies: http.answered.map(({ milliseconds }) => milliseconds), rss: process.memoryUsage.rss() / 2 ** 20 },
    });
    process.stderr.write(`round ${i + 1}: ${own.perSecond.toFixed(0)} direct, ${http.perSecond.toFixed(0)} served\n`);
  }
  child.kill();
  await server.stop(5);
  await engine.close();
  const sorted = rows.flatMap(({ latencies }) => latencies).sort((a, b) => a - b);
  const table = markdownTable([
    ['round', 'engine tokens/s', 'served tokens/s', 'ratio', 'rss MiB'],
    ...rows.map(({ direct, served, rss }, i) => [
      ...[String(i + 1), direct.toFixed(0), served.toFixed(0), (served / direct).toFixed(3), rss.toFixed(0)],
    ]),
  ]);
  const ratio = median(rows.map(({ direct, served }) => served / direct));
  const at = (q: number) => `${quantile(sorted, q).toFixed(0)} ms`;
  const lines = [
    `${clients} clients, ${values.seconds} s, ${sorted.length} requests of up to ${tokens} tokens, no error`,
    `served / direct ${ratio.toFixed(3)} (median of rounds); latency p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}`,
  ];
  writeResults(values.out, { 'serve-load.md': `${lines[0]}\n\n${table}\n\n${lines[1]}\n` });
  process.stdout.write(`${lines[0]}\n\n${table}\n\n${lines[1]}\n`);
  process.exit(0);
}

function asking(engine: Engine, maxTokens: number) {
  return async (ids: readonly number[], seed: number): Promise<number> => {
    const prefix = { ids, text: '', fingerprint: engine.tokenizer.fingerprint };
    const key = { seed, problem: 'request', sample: 0, role: 'serve' };
    return (await engine.generate({ prefix, maxTokens, temperature: 0.8, key })).ids.length;
  };
}

await (process.env.ATTS_LOAD_CLIENTS ? beClients() : drive());
