import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Engine } from '../../../src/engine/engine.js';
import { openRemote } from '../../../src/engine/remote/index.js';
import { type Dataset, type RunConfig, scale } from '../../../src/index.js';
import { contentOf, smallRun } from '../../scaling/embedded.js';
import type { Double } from './double.js';
import { fakeEngine, throughSeeds } from './fake-engine.js';
import { openaiDouble } from './openai-double.js';
import { sglangDouble } from './sglang-double.js';
import { faultNames, ToxicProxy } from './toxic-proxy.js';

const deadline = 1500;
const tuning = {
  ...{ deadline, healthDeadline: deadline, retryDelay: 4, longestDelay: 100, revivalDelay: 10, longestRevival: 40 },
};

const problems = Array.from({ length: 125 }, (_, i) => ({ id: String(i), problem: `Problem ${i}`, answer: '1' }));
const dataset: Dataset = { name: 'drill', hash: 'drill', problems };
const bank = {
  ...{ schema: 'atts.bank/1' as const, provenance: {} },
  turns: [Array.from({ length: 40 }, (_, i) => 1.5 + i / 40)],
};

describe('chains on servers that fail', () => {
  const doubles: Double[] = [];
  const proxies: ToxicProxy[] = [];
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
    await Promise.all([...proxies.splice(0), ...doubles.splice(0)].map((server) => server.stop()));
    notes.length = 0;
  });

  async function start(double: Double): Promise<Double> {
    doubles.push(double);
    return double.start();
  }

  /** @returns the host of a proxy before a server */
  async function spoilt(double: Double): Promise<string> {
    const proxy = new ToxicProxy((await start(double)).host, proxies.length);
    proxies.push(proxy);
    return (await proxy.start()).host;
  }

  async function open(spec: string, scores: boolean): Promise<Engine> {
    const remote = await openRemote(`${spec}?tokenizer=abacus-llama-0.4m`, {
      ...{ scores, tuning, onNote: (note: string) => notes.push(note) },
    });
    remotes.push(remote);
    return remote;
  }

  it('1,000 chains with a tenth of all calls spoilt: none is lost, doubled or accepted without its score', async () => {
    const drafts = [1, 2].map(() => openaiDouble(draft, { kind: 'vllm' }));
    const targets = [1, 2].map(() => sglangDouble(target));
    const [vllm, sglang] = [await Promise.all(drafts.map(spoilt)), await Promise.all(targets.map(spoilt))];
    const run = config();
    const { chains, events, summary } = await scale({
      ...{ config: run, dataset, bank },
      draft: await open(`vllm://${vllm.join()}`, false),
      target: await open(`sglang://${sglang.join()}`, true),
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
    const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
    const met = faultNames.map((name) => sum(proxies.map((proxy) => proxy.met.get(name) ?? 0)));
    for (const [i, name] of faultNames.entries()) expect(met[i], name).to.be.greaterThan(5);
    expect(sum(met) / sum(proxies.map(({ requests }) => requests))).to.be.within(0.08, 0.12);
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
