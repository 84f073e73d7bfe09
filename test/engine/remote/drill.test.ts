import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Engine } from '../../../src/engine/engine.js';
import { philox } from '../../../src/engine/local/random.js';
import { openRemote } from '../../../src/engine/remote/index.js';
import { type Dataset, type RunConfig, scale } from '../../../src/index.js';
import { contentOf, smallRun } from '../../scaling/embedded.js';
import type { Double } from './double.js';
import { fakeEngine, throughSeeds } from './fake-engine.js';
import { openaiDouble } from './openai-double.js';
import { sglangDouble } from './sglang-double.js';

const deadline = 1500;
const tuning = {
  ...{ deadline, healthDeadline: deadline, retryDelay: 4, longestDelay: 100, revivalDelay: 10, longestRevival: 40 },
};

/** What goes wrong with an answer that would have been right. */
const faults: Record<string, (text: string, response: ServerResponse) => void> = {
  reset: (_, response) => response.socket?.resetAndDestroy(),
  hang: () => {},
  'slow body': (text, response) => {
    response.writeHead(200, { 'content-length': Buffer.byteLength(text) }).write(text.slice(0, 20));
  },
  'late body': (text, response) => {
    response.write(text.slice(0, 20));
    setTimeout(() => response.end(text.slice(20)), 20);
  },
  'cut body': (text, response) => {
    response.writeHead(200, { 'content-length': Buffer.byteLength(text) });
    response.write(text.slice(0, 20), () => response.destroy());
  },
  '500': (_, response) => response.writeHead(500).end('Internal Server Error'),
  '503': (_, response) => response.writeHead(503, { 'retry-after': '0' }).end('{"error":{"message":"loading"}}'),
  '429': (_, response) => response.writeHead(429, { 'retry-after': '0.01' }).end('{}'),
  'truncated JSON': (text, response) => response.end(text.slice(0, text.length / 2)),
  'no document': (_, response) => response.end('<html>gateway</html>'),
  'another document': (_, response) => response.end('{"choices":[],"object":"error"}'),
  'wrong counts': (text, response) => response.end(JSON.stringify(JSON.parse(text, dropped))),
  NaN: (text, response) => response.end(text.replaceAll(/-\d+\.\d+/g, 'NaN')),
  null: (text, response) => response.end(text.replaceAll(/-\d+\.\d+/g, 'null')),
};

/** Lists of tokens without their last one. */
function dropped(name: string, value: unknown): unknown {
  const lists = ['input_token_logprobs', 'prompt_logprobs', 'token_ids', 'output_ids', 'token_logprobs'];
  return lists.includes(name) && Array.isArray(value) && value.length > 0 ? value.slice(0, -1) : value;
}

/** A tenth of all answers goes wrong, each in its way. */
function troubled(double: Double, seed: number): Map<string, number> {
  const counts = new Map<string, number>();
  let answers = 0;
  double.trouble = (_, text, response) => {
    const [chance, which] = philox([answers++, 0, 0, 0], [seed, 0]);
    if (chance % 10 !== 0) return false;
    const names = Object.keys(faults);
    const name = names[which % names.length];
    counts.set(name, (counts.get(name) ?? 0) + 1);
    faults[name](text, response);
    return true;
  };
  return counts;
}

const problems = Array.from({ length: 125 }, (_, i) => ({ id: String(i), problem: `Problem ${i}`, answer: '1' }));
const dataset: Dataset = { name: 'drill', hash: 'drill', problems };
const bank = {
  ...{ schema: 'atts.bank/1' as const, provenance: {} },
  turns: [Array.from({ length: 40 }, (_, i) => 1.5 + i / 40)],
};

describe('chains on servers that fail', () => {
  const doubles: Double[] = [];
  const remotes: Engine[] = [];
  const notes: string[] = [];
  let draft: Engine;
  let target: Engine;
  const config = (overrides: Partial<RunConfig> = {}) =>
    smallRun({
      samples: 8,
      turns: 2,
      draftTokens: 8,
      targetTokens: 8,
      calibration: 'marginal',
      temperature: 1,
      ...overrides,
    });
  const here = (run: RunConfig) =>
    scale({ config: run, draft: throughSeeds(draft), target: throughSeeds(target), dataset, bank });

  before(async () => {
    draft = await fakeEngine('fake-draft', 1);
    target = await fakeEngine('fake-target', 2);
  });
  afterEach(async () => {
    await Promise.all(remotes.splice(0).map((remote) => remote.close()));
    await Promise.all(doubles.splice(0).map((double) => double.stop()));
    notes.length = 0;
  });

  async function start(double: Double): Promise<Double> {
    doubles.push(double);
    return double.start();
  }

  async function open(spec: string, scores: boolean): Promise<Engine> {
    const remote = await openRemote(`${spec}?tokenizer=abacus-llama-0.4m`, {
      ...{ scores, tuning, onNote: (note: string) => notes.push(note) },
    });
    remotes.push(remote);
    return remote;
  }

  it('1,000 chains with a tenth of all answers spoilt: none is lost, doubled or accepted without its score', async () => {
    const vllm = await Promise.all([1, 2].map(() => start(openaiDouble(draft, { kind: 'vllm' }))));
    const sglang = await Promise.all([1, 2].map(() => start(sglangDouble(target))));
    const counts = [...vllm, ...sglang].map(troubled);
    const run = config();
    const { chains, events, summary } = await scale({
      ...{ config: run, dataset, bank },
      draft: await open(`vllm://${vllm.map(({ host }) => host).join()}`, false),
      target: await open(`sglang://${sglang.map(({ host }) => host).join()}`, true),
    });
    expect(chains).to.have.length(1000);
    expect(new Set(chains.map(({ problem, sample }) => `${problem} ${sample}`)).size).to.equal(1000);
    expect(summary.chains).to.include({ finished: 1000, failed: 0 });
    for (const { author, score } of chains.flatMap(({ chunks }) => chunks)) {
      if (author === 'draft') expect(score).to.be.a('number').and.satisfy(Number.isFinite);
    }
    // Not only finished: they are the chains that servers without a fault give, chunk by chunk and score by score.
    const untroubled = await here(run);
    expect(contentOf(chains)).to.deep.equal(contentOf(untroubled.chains));
    expect(events).to.have.length(untroubled.events.length);
    for (const name of Object.keys(faults)) {
      const met = counts.reduce((sum, count) => sum + (count.get(name) ?? 0), 0);
      expect(met, name).to.be.greaterThan(5);
    }
  });

  it('waits while no server answers, says so once, and goes on to the same chains when one is back', async () => {
    const [vllm, sglang] = [await start(openaiDouble(draft, { kind: 'vllm' })), await start(sglangDouble(target))];
    const run = config({ samples: 1 });
    let finished = 0;
    const running = scale({
      ...{ config: run, dataset, bank },
      draft: await open(`vllm://${vllm.host}`, false),
      target: await open(`sglang://${sglang.host}`, true),
      onProgress: ({ done }) => {
        finished = done;
      },
    });
    const ended = running.then(() => true);
    while (finished < 20) await sleep(1);
    await sglang.stop();
    while (!notes.some((note) => note.includes('calls wait until one does'))) await sleep(1);
    await sleep(150);
    const before = finished;
    expect(before).to.be.lessThan(125);
    expect(await Promise.race([ended, sleep(200).then(() => false)])).to.equal(false);
    expect(finished).to.equal(before, 'chains ended without a server');
    await sglang.start();
    const { chains, summary } = await running;
    expect(summary.chains).to.include({ finished: 125, failed: 0 });
    expect(contentOf(chains)).to.deep.equal(contentOf((await here(run)).chains));
    const about = notes.filter((note) => note.includes(sglang.host));
    expect(about).to.have.length(2);
    expect(about[0]).to.match(/does not answer .*no server of sglang:.* answers now; calls wait until one does/);
    expect(about[1]).to.equal(`http://${sglang.host} answers again`);
  });
});
