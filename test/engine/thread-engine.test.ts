import type { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import type { Engine, GenerateRequest, Prefix, TokenText } from '../../src/engine/engine.js';
import { openEngine } from '../../src/engine/open.js';
import { openPair } from '../../src/engine/pair.js';
import { failureOf } from './failure-of.js';

const text = 'Start with 5. Add 3. Double it. Subtract 4. What is the result?';

describe('an engine on a thread of its own', () => {
  let shared: Engine;
  let own: Engine;
  let prefix: Prefix;
  before(async () => {
    shared = await openEngine('abacus-llama-0.4m');
    own = await openEngine('abacus-llama-0.4m', { ownThread: true, threads: 1 });
    prefix = shared.tokenizer.chat([{ role: 'user', content: text }]);
  });
  after(async () => {
    await shared.close();
    await own.close();
  });

  const request = (sample: number, overrides: Partial<GenerateRequest> = {}): GenerateRequest => ({
    ...{ prefix, maxTokens: 60, temperature: 0.8, key: { seed: 3, problem: 'thread', sample, role: 'draft' } },
    ...overrides,
  });
  const tokens = ({ ids, text, fingerprint }: TokenText) => ({ ids, text, fingerprint });

  it('describes the same model, and gives the same tokens and scores bit by bit', async () => {
    expect(own.model).to.deep.equal(shared.model);
    const samples = Array.from({ length: 16 }, (_, sample) => sample);
    const [ours, theirs] = await Promise.all(
      [own, shared].map((engine) => Promise.all(samples.map((sample) => engine.generate(request(sample))))),
    );
    expect(ours.map(tokens)).to.deep.equal(theirs.map(tokens));
    const chunk = tokens(ours[0]);
    const scores = await Promise.all([own, shared].map((engine) => engine.score({ prefix, chunk })));
    expect(scores[0].logProbs).to.deep.equal(scores[1].logProbs);
  });

  it('tells of tokens and their log-probabilities as they come', async () => {
    const heard = { ids: [] as number[], logProbs: [] as number[] };
    const onTokens: GenerateRequest['onTokens'] = (ids, told) => {
      heard.ids.push(...ids);
      heard.logProbs.push(...(told?.logProbs ?? []));
    };
    const { ids, logProbs } = await own.generate(request(1, { logProbs: true, onTokens }));
    expect(heard).to.deep.equal({ ids, logProbs });
  });

  it('tells times on the clock of its caller', async () => {
    const before = performance.now();
    const call = own.generate(request(0));
    const called = performance.now();
    const { queued, started, finished } = (await call).timing;
    const after = performance.now();
    // Two clocks of one process agree to well below a millisecond.
    // It waits from here on, whenever the thread comes to hear of it.
    expect(queued).to.be.within(before, called);
    expect(started).to.be.within(queued - 1, finished);
    expect(finished).to.be.within(started, after + 1);
  });

  it('fails with the words of the engine within', async () => {
    const foreign = { ...prefix, fingerprint: 'another' };
    for (const bad of [{ prefix: foreign }, { maxTokens: 0 }, { prefix: { ...prefix, ids: Array(600).fill(1) } }]) {
      const [ours, theirs] = await Promise.all(
        [own, shared].map((engine) => failureOf(engine.generate(request(0, bad)))),
      );
      expect(ours).to.deep.equal(theirs);
    }
  });

  it('gives up a call whose signal is raised, before or after it was made, and no other', async () => {
    const controller = new AbortController();
    const ended = failureOf(own.generate(request(1, { maxTokens: 400, signal: controller.signal })));
    const kept = own.generate(request(2, { maxTokens: 20 }));
    controller.abort();
    expect(await ended).to.deep.equal({ code: 'run', message: 'interrupted' });
    const late = failureOf(own.generate(request(1, { signal: controller.signal })));
    expect(await late).to.deep.equal({ code: 'run', message: 'interrupted' });
    expect((await kept).ids).to.have.length(20);
  });

  for (const [where, options] of Object.entries({ 'on a thread': { ownThread: true, threads: 1 }, 'in process': {} })) {
    it(`a model ${where} that is closed, once or twice, ends its calls in one line, and no other model's`, async () => {
      const engine = await openEngine('abacus-llama-0.4m', options);
      const closed = { code: 'device', message: 'abacus-llama-0.4m was closed' };
      const underWay = failureOf(engine.generate(request(0, { maxTokens: 400 })));
      await Promise.all([engine.close(), engine.close()]);
      expect(await underWay).to.deep.equal(closed);
      await engine.close();
      expect(await failureOf(engine.generate(request(0)))).to.deep.equal(closed);
      expect(await failureOf(engine.score({ prefix, chunk: prefix }))).to.deep.equal(closed);
      expect((await shared.generate(request(0, { maxTokens: 5 }))).ids).to.have.length(5);
    });
  }

  it('a thread that ends fails what is under way and what comes later in one line', async () => {
    const engine = await openEngine('abacus-llama-0.4m', { ownThread: true, threads: 1 });
    const underWay = failureOf(engine.generate(request(0, { maxTokens: 400 })));
    await (engine as unknown as { worker: Worker }).worker.terminate();
    const gone = { code: 'device', message: 'abacus-llama-0.4m: its thread ended' };
    expect(await underWay).to.deep.equal(gone);
    expect(await failureOf(engine.generate(request(0)))).to.deep.equal(gone);
    await engine.close();
    expect((await failureOf(engine.generate(request(0)))).message).to.equal('abacus-llama-0.4m was closed');
  });

  it('a model that cannot be opened is refused as on the shared device, and a pair leaves nothing open', async () => {
    const options = { ownThread: true, threads: 1 } as const;
    expect((await failureOf(openEngine('no-such-model', options))).code).to.equal('usage');
    expect(await failureOf(openEngine('abacus-qwen3-2m', { ...options, memory: 0.01 }))).to.deep.equal(
      await failureOf(openEngine('abacus-qwen3-2m', { memory: 0.01 })),
    );
    const pair = { draft: 'abacus-llama-0.4m', target: 'no-such-model', placement: 'separate' } as const;
    expect((await failureOf(openPair(pair))).code).to.equal('usage');
  });
});
