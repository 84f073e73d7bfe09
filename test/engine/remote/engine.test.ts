import { expect } from 'chai';
import fc from 'fast-check';
import type { Engine, GenerateRequest, Generation, Prefix, Score } from '../../../src/engine/engine.js';
import { openEngine } from '../../../src/engine/open.js';
import { inspectRemote, openRemote } from '../../../src/engine/remote/index.js';
import { seedAt } from '../../../src/engine/remote/remote-engine.js';
import { failureOf } from '../failure-of.js';
import { type Double, piece } from './double.js';
import { fakeEngine } from './fake-engine.js';
import { openaiDouble } from './openai-double.js';
import { sglangDouble } from './sglang-double.js';

const name = 'abacus-llama-0.4m';
const tuning = { retryDelay: 2, longestDelay: 10, revivalDelay: 5 };

describe('a model on a server', () => {
  let local: Engine;
  let prefix: Prefix;
  const doubles: Double[] = [];
  const remotes: Engine[] = [];
  before(async () => {
    local = await openEngine(name, { ownThread: true, threads: 1 });
    prefix = local.tokenizer.chat([{ role: 'user', content: 'Start with 5. Add 3. Double it. What is the result?' }]);
  });
  afterEach(async () => {
    await Promise.all(remotes.splice(0).map((remote) => remote.close()));
    await Promise.all(doubles.splice(0).map((double) => double.stop()));
  });
  after(() => local.close());

  async function started(double: Double): Promise<Double> {
    doubles.push(double);
    return double.start();
  }

  async function open(spec: string, scores = true): Promise<Engine> {
    const remote = await openRemote(spec, { scores, tuning });
    remotes.push(remote);
    return remote;
  }

  const request = (overrides: Partial<GenerateRequest> = {}): GenerateRequest => ({
    ...{ prefix, maxTokens: 60, temperature: 0, key: { seed: 3, problem: 'p', sample: 0, role: 'draft' } },
    ...overrides,
  });
  /** What the engine behind a double draws for a seed. */
  const behind = (overrides: Partial<GenerateRequest>) => {
    const wanted = request(overrides);
    const seed = seedAt(wanted.key, wanted.prefix.ids.length);
    return local.generate({ ...wanted, key: { seed, problem: 'double', sample: 0, role: 'double' } });
  };

  const servers: readonly [string, () => Promise<string>][] = [
    ['SGLang', async () => `sglang://${(await started(sglangDouble(local))).host}`],
    ['vLLM', async () => `vllm://${(await started(openaiDouble(local, { kind: 'vllm' }))).host}`],
    [
      'vLLM without prompt_logprobs',
      async () =>
        `vllm://${(await started(openaiDouble(local, { kind: 'vllm', refuses: ['prompt_logprobs'] }))).host}#${name}`,
    ],
    [
      'a server with the API of OpenAI',
      async () => `openai+http://${(await started(openaiDouble(local, { kind: 'openai' }))).host}/v1?context=513`,
    ],
    [
      'one that writes a token with every echo',
      async () => {
        const double = openaiDouble(local, { kind: 'openai', refuses: ['max_tokens 0'] });
        return `openai+http://${(await started(double)).host}?context=513`;
      },
    ],
  ];
  for (const [what, spec] of servers) {
    it(`${what}: writes the tokens and gives the scores of the engine behind it`, async () => {
      const remote = await open(await spec());
      const greedy = await local.generate(request());
      for (const wanted of [request(), request({ stop: ['\n\n'] })]) {
        const [here, there] = [await local.generate(wanted), await remote.generate(wanted)];
        const { ids, text, finish } = there;
        expect({ ids, text, finish }).to.deep.equal({ ids: here.ids, text: here.text, finish: here.finish });
      }
      const drawn = await remote.generate(request({ temperature: 0.8, topP: 0.9 }));
      expect(drawn.ids).to.deep.equal((await behind({ temperature: 0.8, topP: 0.9 })).ids);
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: greedy.ids.length - 1 }),
          fc.integer({ min: 1, max: 20 }),
          async (at, count) => {
            const context = piece(local, [...prefix.ids, ...greedy.ids.slice(0, at)]);
            const chunk = piece(local, greedy.ids.slice(at, at + count));
            const [here, there] = await Promise.all(
              [local, remote].map((engine) => engine.score({ prefix: context, chunk })),
            );
            expect(there.logProbs).to.have.length(chunk.ids.length);
            for (const [i, logProb] of there.logProbs.entries()) expect(logProb).to.be.closeTo(here.logProbs[i], 1e-6);
            expect(there.usage).to.include({ prompt: context.ids.length, scored: chunk.ids.length, generated: 0 });
          },
        ),
        { numRuns: 5 },
      );
    });
  }

  for (const [what, spec] of servers.slice(0, 3)) {
    it(`${what}: tells the most probable tokens of each place`, async () => {
      const remote = await open(await spec());
      const { ids } = await local.generate(request({ maxTokens: 6 }));
      const wanted = { prefix, chunk: piece(local, ids), top: 3 };
      const [here, there] = [await local.score(wanted), await remote.score(wanted)];
      expect(there.top?.map((place) => place.map(({ id }) => id))).to.deep.equal(
        here.top?.map((place) => place.map(({ id }) => id)),
      );
    });
  }

  it('is named by its server, and by another hash when it is another model or release', async () => {
    const hashes: string[] = [];
    for (const [version, model] of [
      ['0.32.0', 'one'],
      ['0.32.0', 'one'],
      ['0.33.0', 'one'],
      ['0.32.0', 'two'],
    ]) {
      const { host } = await started(openaiDouble(local, { kind: 'vllm', version, model, root: name }));
      const { model: info } = await open(`vllm://${host}`);
      expect(info).to.include({ id: model, backend: 'vllm', build: `vllm ${version}`, contextLength: 512 });
      hashes.push(info.hash);
    }
    expect(hashes[1]).to.equal(hashes[0]);
    expect(new Set(hashes).size).to.equal(3);
  });

  it('ends at its context as one here does, and refuses what is over it without asking', async () => {
    const double = await started(openaiDouble(local, { kind: 'vllm' }));
    const remote = await open(`vllm://${double.host}`);
    const long = piece(local, [...prefix.ids, ...new Array(500 - prefix.ids.length).fill(prefix.ids[3])]);
    const wanted = request({ prefix: long, temperature: 0.8 });
    const asked = double.calls.length;
    const there = await remote.generate(wanted);
    const here = await behind({ prefix: long, temperature: 0.8 });
    expect([there.finish, there.ids]).to.deep.equal([here.finish, here.ids]);
    expect(double.calls.length).to.equal(asked + 1);
    const chunk = piece(local, new Array(20).fill(prefix.ids[3]));
    for (const failing of [
      remote.score({ prefix: long, chunk }),
      remote.generate(request({ prefix: piece(local, [...long.ids, ...chunk.ids]) })),
    ]) {
      expect((await failureOf(failing)).message).to.match(
        /^52\d tokens are over the context of abacus-llama-0.4m \(512\)$/,
      );
    }
    expect(double.calls.length).to.equal(asked + 1);
  });

  it('takes an early SGLang, which knows no seeds and no /tokenize', async () => {
    const double = await started(sglangDouble(local, { isOld: true, version: '0.4.6' }));
    const remote = await open(`sglang://${double.host}`);
    expect((await remote.generate(request())).ids).to.deep.equal((await local.generate(request())).ids);
    const report = await inspectRemote(`sglang://${double.host}`);
    expect(report).to.include({
      tokenizerChecked: true,
      writes: '/generate by ids, without seeds',
      build: 'sglang 0.4.6',
    });
  });

  it('ends where the tokenizer says, also on a server that is not told of it', async () => {
    const quirks = { refuses: ['stop_token_ids'] as const };
    for (const spec of [
      `sglang://${(await started(sglangDouble(local, quirks))).host}`,
      `vllm://${(await started(openaiDouble(local, { kind: 'vllm', ...quirks }))).host}`,
    ]) {
      const remote = await open(spec);
      const whole = (await local.generate(request())).ids;
      const early = whole[4];
      (remote.tokenizer as { stopIds: readonly number[] }).stopIds = [early];
      const { ids, finish } = await remote.generate(request());
      expect([ids.length, ids.at(-1), finish]).to.deep.equal([whole.indexOf(early) + 1, early, 'stop-token']);
    }
  });

  it('tells the log-probabilities of what it writes', async () => {
    const asked = { ...request({ maxTokens: 12, stop: ['\n\n'] }), logProbs: true, top: 2 };
    for (const [, spec] of servers.slice(0, 2)) {
      const remote = await open(await spec());
      const told: number[] = [];
      const written = (await remote.generate({
        ...asked,
        onTokens: (ids: readonly number[]) => void told.push(...ids),
      } as GenerateRequest)) as Generation & Score;
      const { logProbs, top } = await local.score({ prefix, chunk: written, top: 2 });
      expect(told).to.deep.equal(written.ids);
      expect(written.logProbs).to.have.length(written.ids.length);
      for (const [i, logProb] of logProbs.entries()) expect(written.logProbs[i]).to.be.closeTo(logProb, 1e-6);
      const best = (of: Score['top']) => of?.map((place) => place.map(({ id }) => id));
      expect(best(written.top)).to.deep.equal(best(top));
    }
  });

  it('scores the given tokens, not those that their text would be cut into', async () => {
    const remote = await open(`sglang://${(await started(sglangDouble(local))).host}`);
    // Two tokens whose text is another one token.
    const { tokenizer } = local;
    const merged = tokenizer.encodeContinuation(' answer');
    const split = [...' answer'].flatMap((character) => tokenizer.encodeContinuation(character));
    expect(split.length).to.be.greaterThan(merged.length);
    for (const chunk of [piece(local, merged), piece(local, split)]) {
      const [here, there] = [await local.score({ prefix, chunk }), await remote.score({ prefix, chunk })];
      expect(there.logProbs).to.deep.equal(here.logProbs);
    }
  });

  it('never writes when it scores', async () => {
    const double = await started(sglangDouble(local));
    const remote = await open(`sglang://${double.host}`);
    await remote.score({ prefix, chunk: piece(local, prefix.ids.slice(0, 4)) });
    const { body } = double.calls[double.calls.length - 1];
    expect(body).to.deep.include({ return_logprob: true, logprob_start_len: prefix.ids.length - 1 });
    expect(body.sampling_params).to.include({ max_new_tokens: 0, temperature: 0 });
  });

  it('makes a call again that the scheduler gave up, and none that it can never serve', async () => {
    let aborts = 0;
    const busy = await started(
      sglangDouble(local, {
        abort: ({ body }) =>
          body.logprob_start_len !== undefined && aborts++ % 2 === 0
            ? { message: 'out of memory', status_code: 503 }
            : null,
      }),
    );
    const remote = await open(`sglang://${busy.host}`);
    const chunk = piece(local, prefix.ids.slice(0, 4));
    expect((await remote.score({ prefix, chunk })).logProbs).to.have.length(4);
    let refused = 0;
    const never = await started(
      sglangDouble(local, {
        abort: ({ body }) => {
          if ((body.input_ids as number[] | undefined)?.length !== prefix.ids.length) return null;
          refused++;
          return { message: 'the input is too long', status_code: 400 };
        },
      }),
    );
    const other = await open(`sglang://${never.host}`);
    const { code, message } = await failureOf(other.generate(request()));
    expect([code, message]).to.deep.equal(['usage', 'the server gave the call up (the input is too long)']);
    expect(refused).to.equal(1);
  });

  for (const [what, spoil] of [
    ['misses a token', (list: unknown[]) => list.slice(0, -1)],
    ['has one too many', (list: unknown[]) => [...list, list.at(-1)]],
    ['is of other tokens', (list: unknown[]) => [...list.slice(0, -1), [-1, 3, null]]],
    ['is null', (list: unknown[]) => [...list.slice(0, -1), [null, ...(list.at(-1) as unknown[]).slice(1)]]],
    ['is above 0', (list: unknown[]) => [...list.slice(0, -1), [0.5, ...(list.at(-1) as unknown[]).slice(1)]]],
  ] as const) {
    it(`a score that ${what} is never one`, async () => {
      let isSpoilt = false;
      const double = await started(
        sglangDouble(local, {
          spoil(answer) {
            const meta = answer.meta_info as Record<string, unknown[]>;
            if (isSpoilt) meta.input_token_logprobs = spoil(meta.input_token_logprobs);
            return answer;
          },
        }),
      );
      const remote = await open(`sglang://${double.host}`);
      isSpoilt = true;
      // Equal tokens, so that a shifted list is of the right ones.
      const { code, message } = await failureOf(remote.score({ prefix, chunk: piece(local, [5, 5, 5]) }));
      expect(code).to.equal('score');
      expect(message).to.contain(`http://${double.host}: `).and.to.contain('10 times');
    });
  }
});

describe('opening a model on a server', () => {
  let local: Engine;
  const doubles: Double[] = [];
  before(async () => {
    local = await fakeEngine(name, 1);
  });
  afterEach(() => Promise.all(doubles.splice(0).map((double) => double.stop())));

  async function hostOf(double: Double): Promise<string> {
    doubles.push(double);
    return (await double.start()).host;
  }

  it('names a server that cannot score, unless nobody needs its scores', async () => {
    const host = await hostOf(openaiDouble(local, { kind: 'vllm', refuses: ['prompt_logprobs', 'echo'] }));
    const { code, message } = await failureOf(openRemote(`vllm://${host}`, { tuning }));
    expect(code).to.equal('engine');
    expect(message).to.contain('can continue texts but not score them').and.to.contain('echo is not supported');
    const draft = await openRemote(`vllm://${host}`, { tuning, scores: false });
    const prefix = piece(local, [5, 6, 7]);
    expect((await failureOf(draft.score({ prefix, chunk: prefix }))).code).to.equal('score');
    await draft.close();
    expect((await inspectRemote(`vllm://${host}`)).scores).to.equal(null);
  });

  it('finds wrong scores out: those of one token earlier are of another probability than was drawn', async () => {
    const shifted = sglangDouble(local, {
      spoil(answer) {
        const { input_token_logprobs: list } = answer.meta_info as {
          input_token_logprobs?: [number | null, number, null][];
        };
        if (!list) return answer;
        const numbers = [list.at(-1)?.[0] ?? -1, ...list.slice(0, -1).map(([logProb]) => logProb ?? -3)];
        (answer.meta_info as Record<string, unknown>).input_token_logprobs = list.map(([, id], i) => [
          numbers[i],
          id,
          null,
        ]);
        return answer;
      },
    });
    const { message } = await failureOf(openRemote(`sglang://${await hostOf(shifted)}`, { tuning }));
    expect(message).to.match(/not the probability they were drawn with \(\d+\.\d+ nats apart\)/);
  });

  it('a draft that tells only text writes tokens of its text', async () => {
    const local = await openEngine(name, { ownThread: true, threads: 1 });
    const host = await hostOf(openaiDouble(local, { kind: 'openai', refuses: ['ids', 'echo'] }));
    const remote = await openRemote(`openai+http://${host}/v1?context=513#${name}`, { tuning, scores: false });
    expect(remote.ways.write.name).to.equal('completions by text');
    const { tokenizer } = local;
    const prefix = tokenizer.chat([{ role: 'user', content: 'Start with 5. Add 3. What is the result?' }]);
    const key = { seed: 3, problem: 'p', sample: 0, role: 'draft' };
    for (const stop of [[], ['\n\n'], ['3.']]) {
      const there = await remote.generate({ prefix, maxTokens: 40, temperature: 0, stop, key });
      const here = await local.generate({ prefix, maxTokens: 40, temperature: 0, stop, key });
      expect([there.text, there.finish]).to.deep.equal([here.text, here.finish]);
      expect(tokenizer.decode(there.ids)).to.equal(there.text);
      if (there.finish === 'stop-token') expect(there.ids.at(-1)).to.equal(tokenizer.stopIds[0]);
    }
    await remote.close();
    await local.close();
  });

  it('a draft that is only asked by messages goes on with the turn that it began', async () => {
    const host = await hostOf(openaiDouble(local, { kind: 'openai', refuses: ['completions'] }));
    const remote = await openRemote(`openai+http://${host}?context=513`, { tuning, scores: false });
    expect(remote.ways.write.name).to.equal('chat completions');
    const prompt = remote.tokenizer.chat([{ role: 'user', content: 'Start with 5. Add 3. What is the result?' }]);
    const key = { seed: 3, problem: 'p', sample: 0, role: 'draft' };
    for (const ids of [prompt.ids, [...prompt.ids, ...local.tokenizer.encodeContinuation('a bc + 23')]]) {
      const prefix = { ...prompt, ids, text: prompt.text + local.tokenizer.decode(ids.slice(prompt.ids.length)) };
      const request = { prefix, maxTokens: 10, temperature: 0, key };
      expect((await remote.generate(request)).text).to.equal((await local.generate(request)).text);
    }
    const plain = remote.generate({ prefix: piece(local, [5, 6]), maxTokens: 10, temperature: 0, key });
    expect(await failureOf(plain)).to.include({
      ...{ code: 'usage', message: 'abacus-llama-0.4m is only asked by messages; give it no plain text' },
    });
    await remote.close();
    const deaf = await hostOf(openaiDouble(local, { kind: 'openai', refuses: ['completions'], endsTurns: true }));
    const refused = await failureOf(openRemote(`openai+http://${deaf}?context=513`, { tuning, scores: false }));
    expect(refused.message).to.contain('chat completions: it does not go on with a turn');
  });

  it('refuses another tokenizer than the server’s, and says which flag to give where there is none', async () => {
    const other = {
      ...local.tokenizer,
      encode: (text: string) => [...local.tokenizer.encode(text).slice(1), 7],
    };
    const foreign: Engine = {
      ...{ model: local.model, tokenizer: other, close: async () => {} },
      generate: (wanted) => local.generate(wanted),
      score: (wanted) => local.score(wanted),
    };
    const host = await hostOf(openaiDouble(foreign, { kind: 'vllm' }));
    const wrong = await failureOf(openRemote(`vllm://${host}`, { tuning }));
    expect([wrong.code, wrong.message]).to.deep.include('usage');
    expect(wrong.message).to.contain('the tokenizer is not that of abacus-llama-0.4m: token 0 of a sample text is');
    const unknown = await hostOf(openaiDouble(local, { kind: 'vllm', model: 'org/served', root: '/models/served' }));
    const none = await failureOf(openRemote(`vllm://${unknown}`, { tuning }));
    expect(none.code).to.equal('usage');
    expect(none.message).to.contain('/models/served, org/served').and.to.contain('?tokenizer=');
    const named = await openRemote(`vllm://${unknown}?tokenizer=${name}`, { tuning });
    expect(named.tokenizer.fingerprint).to.equal(local.tokenizer.fingerprint);
    await named.close();
  });

  it('says in one line what is wrong with a server, a key, a model or a context', async () => {
    const key = 'a secret that no line shows';
    const host = await hostOf(openaiDouble(local, { kind: 'openai', key }));
    const other = await hostOf(sglangDouble(local));
    const cases: [string, string, RegExp][] = [
      [`sglang://${other}#nobody`, 'usage', /does not serve nobody; it serves abacus-llama-0.4m$/],
      ['vllm://127.0.0.1:9', 'engine', /no server answers at http:\/\/127\.0\.0\.1:9 \(ECONNREFUSED\)/],
      [`openai+http://${host}`, 'usage', /answers 401: Unauthorized; its key goes into an environment variable/],
      [
        `openai+http://${host}?key=ATTS_TEST_KEY#other`,
        'usage',
        /does not serve other; name one after #: abacus-llama-0.4m/,
      ],
      [
        `openai+http://${host}?key=ATTS_TEST_KEY`,
        'usage',
        /does not say how long its context is; add \?context=TOKENS/,
      ],
      [`openai+http://${host}?key=ATTS_TEST_KEY&context=513&tokenizer=nowhere`, 'usage', /unknown model nowhere/],
    ];
    process.env.ATTS_TEST_KEY = key;
    try {
      for (const [spec, code, message] of cases) {
        const failure = await failureOf(openRemote(spec, { tuning }));
        expect(failure.code, spec).to.equal(code);
        expect(failure.message).to.match(message).and.not.to.contain(key);
      }
      await (await openRemote(`openai+http://${host}?key=ATTS_TEST_KEY&context=513`, { tuning })).close();
    } finally {
      delete process.env.ATTS_TEST_KEY;
    }
  });

  it('takes servers that serve the same, and refuses those that differ', async () => {
    const [one, two] = [
      await hostOf(openaiDouble(local, { kind: 'vllm' })),
      await hostOf(openaiDouble(local, { kind: 'vllm' })),
    ];
    const other = await hostOf(openaiDouble(local, { kind: 'vllm', version: '0.9.0' }));
    await (await openRemote(`vllm://${one},${two}`, { tuning })).close();
    const { message } = await failureOf(openRemote(`vllm://${one},${other}`, { tuning }));
    expect(message).to.match(/serves another version \("0\.(9|32)\.0"\) than http/);
    const notes: string[] = [];
    const partly = await openRemote(`vllm://${one},127.0.0.1:9`, { tuning, onNote: (note) => notes.push(note) });
    expect(notes).to.deep.equal([
      'http://127.0.0.1:9 does not answer (ECONNREFUSED); its calls go to the other servers',
    ]);
    await partly.close();
  });
});
