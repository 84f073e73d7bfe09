import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Fleet, type FleetTuning, fleetTuning } from '../../../src/engine/remote/fleet.js';
import { AttsError } from '../../../src/errors.js';
import { failureOf } from '../failure-of.js';
import { type Answer, type Call, Double } from './double.js';

const tuning: FleetTuning = {
  ...{ ...fleetTuning, retryDelay: 4, longestDelay: 20, healthDeadline: 200, revivalDelay: 10, longestRevival: 20 },
  ...{ deadline: 10_000, attempts: 4, busyAttempts: 6 },
};
const exchange = { path: 'work', body: {}, read: (answer: unknown) => (answer as { by: number }).by };

/** Resolves when it is let go. */
class Gate {
  private open!: () => void;
  private readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
  release = () => this.open();
  wait = () => this.opened;
}

describe('servers as one', () => {
  const doubles: Double[] = [];
  const notes: string[] = [];
  let fleet: Fleet | null = null;
  /** Comes back with another model. */
  let refused: string | null = null;
  /** Answers nothing any more. */
  let silent: number | null = null;
  afterEach(async () => {
    await fleet?.close();
    await Promise.all(doubles.splice(0).map((double) => double.stop()));
    notes.length = 0;
    refused = null;
    silent = null;
  });

  /** Servers that answer health and say which one they are; `work` is theirs. */
  async function serve(
    count: number,
    work: (by: number, call: Call) => Promise<Answer>,
    overrides: Partial<FleetTuning> = {},
  ) {
    for (let by = 0; by < count; by++) {
      const double = new Double(async (call) => {
        if (by === silent) return new Promise(() => {});
        return call.path === '/work' ? work(by, call) : { body: '{}' };
      });
      doubles.push(await double.start());
    }
    fleet = new Fleet(
      doubles.map(({ host }) => `http://${host}`),
      {
        ...{ ...tuning, ...overrides, name: 'them', key: null, health: 'health' },
        async admit(get, base) {
          await get('who');
          if (refused && base.endsWith(refused)) throw new AttsError('engine', `${base} serves another model`);
        },
        note: (line) => notes.push(line),
      },
    );
    await fleet.open();
    return fleet;
  }

  const answerOf = (by: number): Answer => ({ body: { by } });
  const worked = (double: Double) => double.calls.filter(({ path }) => path === '/work').length;
  it('a call goes to the server with the fewest under way', async () => {
    const gate = new Gate();
    const servers = await serve(3, async (by) => {
      if (by === 0) await gate.wait();
      return answerOf(by);
    });
    const calls = Array.from({ length: 3 }, () => servers.call('generate', exchange));
    await Promise.all(calls.slice(1));
    const quick = [];
    for (let i = 0; i < 6; i++) quick.push((await servers.call('generate', exchange)).value);
    expect(quick).not.to.include(0);
    expect(new Set(quick).size).to.equal(2);
    gate.release();
    expect((await Promise.all(calls)).map(({ value }) => value).sort()).to.deep.equal([0, 1, 2]);
  });

  it('scores have places of their own: a server full of generations still scores', async () => {
    const gate = new Gate();
    const servers = await serve(
      1,
      async (by, { body }) => {
        if (body.kind === 'long') await gate.wait();
        return answerOf(by);
      },
      { limits: { generate: 2, score: 1 } },
    );
    const long = Array.from({ length: 5 }, () => servers.call('generate', { ...exchange, body: { kind: 'long' } }));
    expect((await servers.call('score', exchange)).value).to.equal(0);
    expect(worked(doubles[0])).to.equal(3, 'two generations under way and the score');
    gate.release();
    await Promise.all(long);
    expect(worked(doubles[0])).to.equal(6);
  });

  it('a failed call goes to another server, and its pause keeps no place', async () => {
    const seen: number[] = [];
    const servers = await serve(
      2,
      async (by, { body }) => {
        seen.push(by);
        return body.kind === 'hard' && seen.length === 1
          ? { status: 500, headers: { 'retry-after': '0.2' }, body: '{}' }
          : answerOf(by);
      },
      { limits: { generate: 1, score: 1 } },
    );
    const hard = servers.call('generate', { ...exchange, body: { kind: 'hard' } });
    await sleep(60);
    const others = await Promise.all(Array.from({ length: 4 }, () => servers.call('generate', exchange)));
    expect(new Set(others.map(({ value }) => value))).to.deep.equal(new Set([0, 1]), 'a place was kept');
    const [first] = seen;
    expect((await hard).value).to.equal(1 - first);
  });

  it('waits as long as a busy server asks, and gives up in one line in the end', async () => {
    let refusals = 2;
    const servers = await serve(1, async (by) =>
      refusals-- > 0
        ? { status: 429, headers: { 'retry-after': '0.1' }, body: '{"error":{"message":"busy"}}' }
        : answerOf(by),
    );
    const from = performance.now();
    await servers.call('generate', exchange);
    expect(performance.now() - from).to.be.at.least(195);
    refusals = 100;
    const before = worked(doubles[0]);
    const { code, message } = await failureOf(servers.call('score', exchange));
    expect(code).to.equal('score');
    expect(message).to.match(/^http:\/\/127\.0\.0\.1:\d+: answers 429: busy, 6 times$/);
    expect(worked(doubles[0]) - before).to.equal(6);
  });

  it('a refused request is refused at once', async () => {
    const servers = await serve(2, async () => ({
      status: 400,
      body: { error: { message: 'the prompt is too long' } },
    }));
    const { code, message } = await failureOf(servers.call('generate', exchange));
    expect(code).to.equal('usage');
    expect(message).to.match(/answers 400: the prompt is too long$/);
    expect(doubles.map(worked).reduce((a, b) => a + b)).to.equal(1);
  });

  it('a key is the fault of who gives it when it is never taken, and of the server when it is not taken any more', async () => {
    const locked: Answer = { status: 401, body: { error: { message: 'wrong key' } } };
    const servers = await serve(1, async () => locked);
    expect((await failureOf(servers.call('generate', exchange))).code).to.equal('engine');
    await servers.close();
    doubles.push(await new Double(async () => locked).start());
    fleet = new Fleet([`http://${doubles[1].host}`], {
      ...{ ...tuning, name: 'them', key: null, health: 'health', note: () => {} },
      admit: async (get) => void (await get('who')),
    });
    expect((await failureOf(fleet.open())).code).to.equal('usage');
  });

  it('a call that nobody waits for any more is given up here and there, also while it pauses or waits for a place', async () => {
    const servers = await serve(
      1,
      async (by, { signal, body }) => {
        if (body.kind === 'refused') return { status: 503, headers: { 'retry-after': '60' }, body: '{}' };
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return answerOf(by);
      },
      { limits: { generate: 1, score: 1 }, patience: 10_000 },
    );
    const controller = new AbortController();
    const { signal } = controller;
    const calls = [
      servers.call('generate', exchange, { signal }),
      servers.call('generate', exchange, { signal }),
      servers.call('score', { ...exchange, body: { kind: 'refused' } }, { signal }),
    ];
    const failures = Promise.all(calls.map(failureOf));
    await sleep(50);
    controller.abort();
    for (const { code, message } of await failures) expect([code, message]).to.deep.equal(['run', 'interrupted']);
    while (doubles[0].abandoned === 0) await sleep(1);
    expect(worked(doubles[0])).to.equal(2);
    const late = await failureOf(servers.call('generate', exchange, { signal }));
    expect(late.message).to.equal('interrupted');
  });

  it('calls on a server that dies are made again on the others, and it gets calls again when it is back', async () => {
    const gate = new Gate();
    const servers = await serve(2, async (by) => {
      if (by === 0) await gate.wait();
      return answerOf(by);
    });
    const calls = Array.from({ length: 8 }, () => servers.call('generate', exchange));
    while (worked(doubles[0]) < 4) await sleep(1);
    await doubles[0].stop();
    expect((await Promise.all(calls)).map(({ value }) => value)).to.deep.equal(new Array(8).fill(1));
    expect(notes[0]).to.match(/does not answer \(.*\); its calls go to the other servers$/);
    gate.release();
    await doubles[0].start();
    while (notes.length < 2) await sleep(1);
    expect(notes[1]).to.equal(`http://${doubles[0].host} answers again`);
    const after = await Promise.all(Array.from({ length: 4 }, () => servers.call('generate', exchange)));
    expect(new Set(after.map(({ value }) => value))).to.deep.equal(new Set([0, 1]));
  });

  it('a server that is silent for long is asked whether it is well, and left if it is not', async () => {
    const servers = await serve(2, async (by) => answerOf(by), {
      ...{ patience: 30, healthDeadline: 60, deadline: 60_000 },
    });
    silent = 0;
    const values = await Promise.all(Array.from({ length: 4 }, () => servers.call('generate', exchange)));
    expect(values.map(({ value }) => value)).to.deep.equal([1, 1, 1, 1]);
    expect(notes[0]).to.contain('no answer within 0.06 s');
  });

  it('a server that comes back as another one gets no calls', async () => {
    const servers = await serve(2, async (by) => answerOf(by));
    await doubles[0].stop();
    refused = doubles[0].host;
    await Promise.all(Array.from({ length: 4 }, () => servers.call('generate', exchange)));
    await doubles[0].start();
    while (notes.length < 2) await sleep(1);
    expect(notes[1]).to.match(/serves another model; it gets no calls$/);
    const before = worked(doubles[0]);
    await Promise.all(Array.from({ length: 4 }, () => servers.call('generate', exchange)));
    expect(worked(doubles[0])).to.equal(before);
  });

  it('uses its connections again', async () => {
    const servers = await serve(1, async (by) => answerOf(by));
    for (let i = 0; i < 20; i++) await servers.call('generate', exchange);
    expect(new Set(doubles[0].calls.map(({ port }) => port)).size).to.be.at.most(2);
  });

  it('calls that wait end when it is closed', async () => {
    const servers = await serve(1, async () => new Promise<Answer>(() => {}), { limits: { generate: 1, score: 1 } });
    const calls = [servers.call('generate', exchange), servers.call('generate', exchange)].map(failureOf);
    await sleep(20);
    await servers.close();
    const closed = { code: 'device', message: 'them was closed' };
    for (const call of calls) expect(await call).to.deep.equal(closed);
    expect(await failureOf(servers.call('generate', exchange))).to.deep.equal(closed);
  });
});
