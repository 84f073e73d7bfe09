import { expect } from 'chai';
import { traceOf } from '../../src/profiler/trace.js';
import type { ModelCallEvent } from '../../src/runs/records.js';

const event = (changes: Partial<ModelCallEvent>): ModelCallEvent => ({
  ...{ problem: 'p', sample: 0, turn: 0, kind: 'draft', queued: 0, started: 0, finished: 0, promptTokens: 9 },
  ...{ cachedTokens: 4, tokens: 8, score: null, p: null, alpha: null, rejected: null, barrier: 0, ...changes },
});
const events = [
  event({ queued: 0, started: 1, finished: 5 }),
  event({
    kind: 'score',
    queued: 9,
    started: 10,
    finished: 12,
    barrier: 4,
    score: 0.3,
    p: 0.1,
    alpha: 0.4,
    rejected: true,
  }),
  event({ kind: 'target', queued: 12, started: 12, finished: 20 }),
  event({ kind: 'draft', turn: 1, queued: 20, started: 21, finished: 25 }),
  event({ sample: 1, queued: 2, started: 3, finished: 6 }),
];

describe('the trace of a run', () => {
  const { traceEvents } = traceOf(events, { draft: [{ started: 1.5, rows: 3, pages: 7 }] });
  const of = (ph: string) => traceEvents.filter((entry) => entry.ph === ph);

  it('has a track a chain: what it did, and what it waited for', () => {
    const first = of('X').filter(({ pid, tid }) => pid === 1 && tid === 1);
    expect(first.map(({ name, ts, dur }) => [name, ts, dur])).to.deep.equal([
      ['queue', 0, 1000],
      ['draft', 1000, 4000],
      ['barrier', 5000, 4000],
      ['queue', 9000, 1000],
      ['score', 10_000, 2000],
      ['target', 12_000, 8000],
      ['queue', 20_000, 1000],
      ['draft', 21_000, 4000],
    ]);
    expect(first[4].args).to.include({ score: 0.3, p: 0.1, alpha: 0.4, rejected: true });
    expect(of('M').map(({ args }) => args?.name)).to.include.members(['p / 0', 'p / 1', 'draft model', 'target model']);
  });

  it('has no slices of one track that overlap: a viewer could not draw them', () => {
    for (const track of new Set(of('X').map(({ pid, tid }) => `${pid}/${tid}`))) {
      const own = of('X').filter(({ pid, tid }) => `${pid}/${tid}` === track);
      own.sort((a, b) => (a.ts as number) - (b.ts as number));
      for (let i = 1; i < own.length; i++) {
        expect(own[i].ts, track).to.be.at.least((own[i - 1].ts as number) + (own[i - 1].dur as number));
      }
    }
  });

  it('leads from a chunk to its score to its continuation; both ends of an arrow lie within their slices', () => {
    const [starts, ends] = [of('s'), of('f')];
    expect(starts.map(({ name }) => name)).to.deep.equal(['draft → score', 'score → target']);
    expect(ends.map(({ id }) => id)).to.deep.equal(starts.map(({ id }) => id));
    const within = (name: string, ts: number) =>
      of('X').some((s) => s.pid === 1 && s.tid === 1 && s.name === name && s.ts! <= ts && ts <= s.ts! + s.dur!);
    expect(within('draft', starts[0].ts!) && within('score', ends[0].ts!)).to.equal(true);
    expect(within('score', starts[1].ts!) && within('target', ends[1].ts!)).to.equal(true);
  });

  it('leads from an accepted chunk to the draft that goes on from it', () => {
    const accepted = [
      event({ started: 1, finished: 2 }),
      event({ kind: 'score', started: 3, finished: 4, rejected: false }),
    ];
    const next = event({ turn: 1, started: 5, finished: 6 });
    const arrows = traceOf([...accepted, next]).traceEvents.filter(({ ph }) => ph === 's');
    expect(arrows.map(({ name }) => name)).to.deep.equal(['draft → score', 'score → draft']);
  });

  it('leads from nothing to nothing that has no length, and within slices of a microsecond', () => {
    const none = [event({ started: 1, finished: 1 }), event({ kind: 'score', started: 2, finished: 3 })];
    expect(traceOf(none).traceEvents.filter(({ ph }) => ph === 's' || ph === 'f')).to.deep.equal([]);
    const least = [
      event({ started: 1, finished: 1.001 }),
      event({ kind: 'score', queued: 1.001, started: 1.001, finished: 1.002 }),
    ];
    const entries = traceOf(least).traceEvents;
    expect(entries.flatMap(({ ph, ts }) => (ph === 's' || ph === 'f' ? [ts] : []))).to.deep.equal([1000, 1001]);
  });

  it('has numbers of no more decimals than Perfetto reads', () => {
    const score = 1.2345678901234567e-6;
    const tiny = event({ kind: 'score', finished: 1, score, p: 0, alpha: -0.00023774228667698295, rejected: false });
    const entries = traceOf([tiny]).traceEvents;
    const { args } = entries.find(({ ph, name }) => ph === 'X' && name === 'score')!;
    expect(args).to.include({ score: 0.00000123456789012, p: 0, alpha: -0.000237742286677 });
    expect(entries.find(({ name }) => name === 'rate in force')!.args).to.deep.equal({ value: -0.000237742286677 });
    expect(JSON.stringify(entries)).not.to.match(/\.\d{19}/);
  });

  it('has in every entry what the format asks of its kind', () => {
    for (const { ph, name, pid, tid, ts, dur, id, args } of traceEvents) {
      expect(name).to.be.a('string');
      expect(pid).to.be.a('number');
      if (ph !== 'M') expect(Number.isInteger(ts), `${ph} ${name}`).to.equal(true);
      if (ph === 'X') expect(dur).to.be.greaterThan(0);
      if (ph === 's' || ph === 'f') expect([typeof id, typeof tid]).to.deep.equal(['number', 'number']);
      // A counter is a number a series.
      if (ph === 'C') for (const value of Object.values(args!)) expect(Number.isFinite(value)).to.equal(true);
    }
  });

  it('counts the rows and KV pages of passes', () => {
    const counted = of('C').filter(({ name }) => name === 'rows of a pass' || name === 'KV pages held');
    expect(counted.map(({ pid, ts, args }) => [pid, ts, args])).to.deep.equal([
      [2, 1500, { rows: 3 }],
      [2, 1500, { pages: 7 }],
    ]);
  });

  it('shows when a model was busy and with how many calls, and what was decided', () => {
    const busy = of('X').filter(({ pid }) => pid === 2);
    expect(busy.map(({ ts, dur }) => [ts, dur])).to.deep.equal([
      [1000, 5000],
      [21_000, 4000],
    ]);
    const calls = of('C').filter(({ pid, name }) => pid === 2 && name === 'calls running');
    expect(calls.map(({ ts, args }) => [ts, args?.calls])).to.deep.equal([
      [1000, 1],
      [3000, 2],
      [5000, 1],
      [6000, 0],
      [21_000, 1],
      [25_000, 0],
    ]);
    const decisions = of('C').filter(({ pid }) => pid === 4);
    expect(decisions.map(({ name, args }) => [name, args?.value])).to.deep.equal([
      ['rejected of the last 200', 1],
      ['rate in force', 0.4],
    ]);
  });
});
