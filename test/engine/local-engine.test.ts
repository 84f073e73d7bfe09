import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { simd } from '../../kernels/backends/simd/index.js';
import type { Engine, GenerateRequest, Prefix, Score } from '../../src/engine/engine.js';
import type { LocalEngine } from '../../src/engine/local/local-engine.js';
import { openEngine } from '../../src/engine/open.js';
import { loadDataset } from '../../src/tasks/datasets/index.js';
import { promptMessages } from '../../src/tasks/prompts.js';
import { backends } from '../kernels/backend.js';
import { failureOf } from './failure-of.js';

const prompts: Prefix[] = [];

function request(i: number, overrides: Partial<GenerateRequest> = {}): GenerateRequest {
  const key = { seed: 1, problem: String(i % prompts.length), sample: i, role: 'draft' };
  return { prefix: prompts[i % prompts.length], maxTokens: 60, temperature: 0.8, key, ...overrides };
}

/** A prefix continued by ids, as the method does it. */
function extend(engine: Engine, prefix: Prefix, ids: readonly number[]): Prefix {
  const all = [...prefix.ids, ...ids];
  return { ids: all, text: engine.tokenizer.decode(all), fingerprint: prefix.fingerprint };
}

describe('the local engine', () => {
  let target: Engine;
  let draft: Engine;
  before(async () => {
    target = await openEngine('abacus-qwen3-2m');
    draft = await openEngine('abacus-llama-0.4m');
    const { problems } = await loadDataset('abacus', { limit: 8 });
    for (const problem of problems) prompts.push(target.tokenizer.chat(promptMessages(problem)));
  });
  after(async () => {
    await target.close();
    await draft.close();
  });

  it('gives a chain the same tokens alone and in a batch of 64', async () => {
    const together = await Promise.all(Array.from({ length: 64 }, (_, i) => target.generate(request(i))));
    for (const i of [0, 1, 17, 63]) {
      const fresh = await openEngine('abacus-qwen3-2m');
      const alone = await fresh.generate(request(i));
      expect(alone.ids).to.deep.equal(together[i].ids);
      await fresh.close();
    }
    expect(new Set(together.map(({ text }) => text)).size).to.be.greaterThan(prompts.length);
  });

  it('keeps keys and values as bfloat16 where asked: nearly the same scores, in half the memory', async () => {
    const [prefix] = prompts;
    const chunk = await target.generate(request(0));
    const half = await openEngine('abacus-qwen3-2m', { cacheDtype: 'bf16', memory: 1.4 });
    const [exact, rounded] = [await target.score({ prefix, chunk }), await half.score({ prefix, chunk })];
    const apart = exact.logProbs.map((value, i) => Math.abs(value - rounded.logProbs[i]));
    expect(Math.max(...apart)).to.be.within(1e-7, 0.2);
    await half.close();
    const whole = await openEngine('abacus-qwen3-2m', { memory: 1.4 });
    expect((await failureOf(whole.score({ prefix, chunk }))).message).to.contain('raise --memory');
    await whole.close();
  });

  it('gives the same tokens in chunks as in one call', async () => {
    const whole = await target.generate(request(3));
    let prefix = prompts[3];
    const pieces: number[] = [];
    while (pieces.length < whole.ids.length) {
      const piece = await target.generate(request(3, { prefix, maxTokens: 13 }));
      pieces.push(...piece.ids);
      prefix = extend(target, prompts[3], pieces);
      if (piece.finish === 'stop-token') break;
    }
    expect(pieces.slice(0, whole.ids.length)).to.deep.equal([...whole.ids]);
  });

  it('gives bit-identical scores cold, from the cache, and beside other work', async () => {
    const { ids } = await draft.generate(request(2));
    const chunk = extend(target, { ids: [], text: '', fingerprint: prompts[2].fingerprint }, ids);
    const fresh = await openEngine('abacus-qwen3-2m');
    const cold = await fresh.score({ prefix: prompts[2], chunk });
    const warm = await fresh.score({ prefix: prompts[2], chunk });
    const [beside] = await Promise.all([
      target.score({ prefix: prompts[2], chunk }),
      ...Array.from({ length: 20 }, (_, i) => target.generate(request(i, { maxTokens: 8 }))),
    ]);
    expect(warm.logProbs).to.deep.equal(cold.logProbs);
    expect(beside.logProbs).to.deep.equal(cold.logProbs);
    await fresh.close();
  });

  it('scores what it generated with the probabilities it drew from', async () => {
    const greedy = await target.generate(request(1, { temperature: 0 }));
    const chunk = { ids: greedy.ids, text: greedy.text, fingerprint: greedy.fingerprint };
    const { logProbs } = await target.score({ prefix: prompts[1], chunk });
    expect(logProbs).to.have.length(greedy.ids.length);
    expect(Math.max(...logProbs)).to.be.at.most(0);
    expect(logProbs.reduce((a, b) => a + b, 0) / logProbs.length).to.be.above(-0.2);
  });

  it('tells log-probabilities of what it generates: those of a score, bit by bit, as the tokens come', async () => {
    const heard = { ids: [] as number[], logProbs: [] as number[] };
    const generation = await target.generate(
      request(1, {
        logProbs: true,
        top: 2,
        onTokens(ids, told) {
          heard.ids.push(...ids);
          heard.logProbs.push(...(told?.logProbs ?? []));
        },
      }),
    );
    const { ids, text, fingerprint, logProbs, top } = generation;
    const score = await target.score({ prefix: prompts[1], chunk: { ids, text, fingerprint }, top: 2 });
    expect({ logProbs, top }).to.deep.equal({ logProbs: score.logProbs, top: score.top });
    expect(heard).to.deep.equal({ ids, logProbs });
    expect(await target.generate(request(1))).not.to.have.any.keys('logProbs', 'top');
  });

  it('tells the same log-probabilities while it scores other texts', async () => {
    const { ids, logProbs } = await target.generate(request(1, { logProbs: true }));
    // From the second token on, so that every row of a pass is asked about.
    const [first, ...rest] = prompts[2].ids;
    const text = { prefix: { ...prompts[2], ids: [first] }, chunk: { ...prompts[2], ids: rest } };
    const alone = await target.score(text);
    let count = 0;
    const scores: Promise<Score>[] = [];
    const onTokens = () => {
      if (count++ % 5 === 0) scores.push(target.score(text));
    };
    const beside = await target.generate(request(1, { logProbs: true, onTokens }));
    expect(beside.ids).to.deep.equal(ids);
    expect(beside.logProbs).to.deep.equal(logProbs);
    for (const score of await Promise.all(scores)) expect(score.logProbs).to.deep.equal(alone.logProbs);
  });

  it('refuses an id that its vocabulary lacks, and goes on', async () => {
    for (const id of [512, -1, 0.5, Number.NaN]) {
      const foreign = { ...prompts[0], ids: [...prompts[0].ids, id] };
      expect((await failureOf(target.generate(request(0, { prefix: foreign })))).message).to.contain('vocabulary');
      expect((await failureOf(target.score({ prefix: prompts[0], chunk: foreign }))).message).to.contain('vocabulary');
    }
    expect((await target.generate(request(0))).ids).not.to.have.length(0);
  });

  it('computes a shared question once and a score only what is new', async () => {
    const fresh = await openEngine('abacus-qwen3-2m');
    const chains = await Promise.all(
      Array.from({ length: 16 }, (_, sample) =>
        fresh.generate(request(0, { maxTokens: 32, key: { seed: 1, problem: '0', sample, role: 'draft' } })),
      ),
    );
    const prompt = prompts[0].ids.length;
    const computed = chains.reduce((sum, { usage }) => sum + usage.prompt - usage.cached, 0);
    expect(computed).to.be.at.most(prompt + 15);
    const prefix = extend(fresh, prompts[0], chains[0].ids.slice(0, 31));
    const score = await fresh.score({
      prefix,
      chunk: extend(fresh, { ...prompts[0], ids: [] }, chains[1].ids.slice(0, 5)),
    });
    expect(score.usage.cached).to.equal(prefix.ids.length - 1);
    await fresh.close();
  });

  it('gives the same tokens under a memory cap that forces preemption', async () => {
    const roomy = await Promise.all(Array.from({ length: 16 }, (_, i) => target.generate(request(i))));
    const tight = (await openEngine('abacus-qwen3-2m', { memory: 4 })) as LocalEngine;
    const capped = await Promise.all(Array.from({ length: 16 }, (_, i) => tight.generate(request(i))));
    expect(capped.map(({ ids }) => ids)).to.deep.equal(roomy.map(({ ids }) => ids));
    expect(tight.preemptions).to.be.greaterThan(0);
    await tight.close();
  });

  it('ends a chunk after the stop string, at the stop token, and at the context', async () => {
    const paragraph = await target.generate(request(0, { stop: ['\n\n'] }));
    expect(paragraph.finish).to.equal('stop-string');
    expect(paragraph.text.endsWith('\n\n')).to.equal(true);
    expect(paragraph.text.indexOf('\n\n')).to.equal(paragraph.text.length - 2);
    const whole = await target.generate(request(1, { maxTokens: 400, temperature: 0 }));
    expect(whole.finish).to.equal('stop-token');
    expect(target.tokenizer.stopIds).to.include(whole.ids.at(-1));
    const long = extend(
      target,
      prompts[0],
      Array.from({ length: 505 - prompts[0].ids.length }, () => 48),
    );
    const cut = await target.generate(request(0, { prefix: long, maxTokens: 100 }));
    expect(long.ids.length + cut.ids.length).to.be.at.most(512);
  });

  it('goes on past its stop token where more tokens are asked for', async () => {
    const cut = await target.generate(request(0, { maxTokens: 400, temperature: 0 }));
    expect(cut.finish).to.equal('stop-token');
    const minTokens = cut.ids.length + 5;
    const more = await target.generate(request(0, { maxTokens: minTokens, minTokens, temperature: 0 }));
    expect(more.ids).to.have.length(minTokens);
    expect(more.ids.slice(0, cut.ids.length)).to.deep.equal(cut.ids);
  });

  it('reports usage and timestamps in order', async () => {
    const { usage, timing, ids } = await target.generate(request(4));
    expect(usage).to.include({ prompt: prompts[4].ids.length, generated: ids.length, scored: 0 });
    expect(timing.queued).to.be.at.most(timing.started);
    expect(timing.started).to.be.below(timing.finished);
  });

  it('says in one line why a call cannot be served', async () => {
    const { fingerprint } = prompts[0];
    const empty = { ids: [], text: '', fingerprint };
    expect((await failureOf(target.score({ prefix: prompts[0], chunk: empty }))).message).to.contain('chunk is empty');
    expect((await failureOf(target.score({ prefix: empty, chunk: prompts[0] }))).message).to.contain('prefix is empty');
    const foreign = { ...prompts[0], fingerprint: 'another' };
    expect((await failureOf(target.generate(request(0, { prefix: foreign })))).message).to.contain('tokenizer');
    const long = { ...prompts[0], ids: new Array(600).fill(5) };
    expect((await failureOf(target.generate(request(0, { prefix: long })))).message).to.contain('over the context');
    const tiny = await openEngine('abacus-qwen3-2m', { memory: 1.4 });
    expect((await failureOf(tiny.generate(request(0)))).message).to.contain('raise --memory');
    await tiny.close();
  });

  for (const backend of backends) {
    it(`gives back its weights on ${backend} where its cache is refused`, async () => {
      // Starts the backend, and what it keeps for good.
      await (await openEngine('abacus-llama-0.4m', { backend })).close();
      const { numTensors, numBytes } = tf.memory();
      for (const [memory, says] of [
        [0.01, /^--memory 0\.01 holds no KV page of abacus-llama-0\.4m; give at least 1$/],
        [2 ** 30, /^abacus-llama-0\.4m: .* lower --memory$/],
      ] as const) {
        expect((await failureOf(openEngine('abacus-llama-0.4m', { backend, memory }))).message).to.match(says);
        expect(tf.memory()).to.include({ numTensors, numBytes });
      }
    });
  }

  it('starts no threads for a cache that no memory holds', async () => {
    const { memories } = simd('simd');
    await failureOf(openEngine('abacus-llama-0.4m', { memory: 2 ** 30 }));
    expect(simd('simd').memories).to.equal(memories);
  });

  it('drops an aborted request and goes on with the others', async () => {
    const controller = new AbortController();
    const aborted = failureOf(target.generate(request(0, { signal: controller.signal, maxTokens: 300 })));
    const other = target.generate(request(1));
    controller.abort();
    expect((await aborted).message).to.equal('interrupted');
    expect((await other).ids.length).to.be.greaterThan(0);
  });

  it('runs engines of different backends side by side, each on its own', async () => {
    const { ids } = await draft.generate(request(2, { maxTokens: 20 }));
    const chunk = extend(target, { ids: [], text: '', fingerprint: prompts[2].fingerprint }, ids);
    const scoreOn = (engine: Engine) => engine.score({ prefix: prompts[2], chunk });
    const alone = await scoreOn(target);
    const plain = await openEngine('abacus-qwen3-2m', { backend: 'cpu' });
    const afterOther = await scoreOn(target);
    const onPlain = await scoreOn(plain);
    const [beside, plainBeside] = await Promise.all([scoreOn(target), scoreOn(plain)]);
    await plain.close();
    expect(plain.model.backend).not.to.equal(target.model.backend);
    // Backends round differently, so equal bits tell which of them ran.
    expect(onPlain.logProbs).not.to.deep.equal(alone.logProbs);
    for (const score of [afterOther, beside]) expect(score.logProbs).to.deep.equal(alone.logProbs);
    expect(plainBeside.logProbs).to.deep.equal(onPlain.logProbs);
  });

  for (const dtype of ['q8', 'q4'] as const) {
    it(`scores a text with ${dtype} weights as float32 arithmetic does, to 1e-3 nats a token`, async () => {
      const { ids } = await draft.generate(request(1, { maxTokens: 100 }));
      const scoreOn = async (backend: 'simd' | 'cpu') => {
        const engine = await openEngine('abacus-qwen3-2m', { backend, dtype });
        const chunk = extend(engine, { ids: [], text: '', fingerprint: prompts[1].fingerprint }, ids);
        const { logProbs } = await engine.score({ prefix: prompts[1], chunk });
        await engine.close();
        return logProbs;
      };
      const [ours, exact] = [await scoreOn('simd'), await scoreOn('cpu')];
      const errors = ours.map((logProb, i) => Math.abs(logProb - exact[i]));
      expect(errors.reduce((a, b) => a + b, 0) / errors.length).to.be.below(1e-3);
      expect(errors.some((error) => error > 0)).to.equal(true);
    });
  }

  it('writes and scores the same bits whether its weights and cache fill one memory or several', () => {
    const script = fileURLToPath(new URL('./memories-process.js', import.meta.url));
    for (const [dtype, bytes] of [
      ['f32', 8_000_000],
      ['q4', 100_000],
    ] as const) {
      const [one, several] = ['all', bytes].map((most) => {
        const args = [script, String(most), 'abacus-qwen3-2m', dtype];
        const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
        expect(stdout, stderr).not.to.equal('');
        const { memories, ...written } = JSON.parse(stdout);
        return { memories, written };
      });
      expect(one.memories).to.equal(1);
      expect(several.memories).to.be.greaterThan(3);
      expect(several.written).to.deep.equal(one.written);
    }
  });

  it('may be opened at the same time as another', () => {
    const script = fileURLToPath(new URL('./together-process.js', import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
    expect(stdout, stderr).not.to.equal('');
    for (const text of JSON.parse(stdout)) expect(text).to.match(/^Step /);
  });

  it('holds its tensors and memory flat over 10,000 forward passes', () => {
    const script = fileURLToPath(new URL('./soak-process.js', import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', script], { encoding: 'utf8' });
    const { before, halfway, after } = JSON.parse(stdout || `{ "failed": ${JSON.stringify(stderr)} }`);
    expect(after.numTensors).to.equal(before.numTensors);
    expect(after.numBytes).to.equal(before.numBytes);
    expect(after.heapUsed - before.heapUsed).to.be.below(8 * 2 ** 20);
    // A leak grows in both halves; what grows once, such as the memory of a compiler that ran late, does not.
    const growth = Math.min(halfway.rss - before.rss, after.rss - halfway.rss);
    expect(growth).to.be.below(24 * 2 ** 20);
  });
});
