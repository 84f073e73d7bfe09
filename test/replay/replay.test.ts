import { expect } from 'chai';
import fc from 'fast-check';
import { banksOf, type CalibrationName, makeCalibrator, readBankFile, ScoreBank } from '../../src/conformal/index.js';
import { scheduleTimes } from '../../src/profiler/barrier.js';
import {
  countPercentileMismatches,
  inQuestionOrder,
  type RecordedScore,
  readChainTimes,
  readScoreStream,
  replay,
} from '../../src/replay/index.js';
import { data, numbers } from './files.js';

const samples = 16;
const alpha = 0.4;
const gamma = 0.05;

function rule(name: CalibrationName, turns: ScoreBank[], pValue: 'conformal' | 'percentile' = 'conformal') {
  return makeCalibrator({ name, alpha, gamma, pValue, seed: 0, banks: { turns }, grow: false });
}

const recorded: fc.Arbitrary<RecordedScore> = fc.record({
  problem: fc.nat(12).map(String),
  sample: fc.nat(3),
  turn: fc.nat(3),
  score: fc.double({ noNaN: true }),
  percentile: fc.constant(null),
});
const streams = fc.array(recorded, { minLength: 1, maxLength: 60 });

describe('order of a replay', () => {
  it('is by problem as a number, then turn, then sample, and loses nothing', () => {
    fc.assert(
      fc.property(streams, (stream) => {
        const order = inQuestionOrder(stream);
        expect(order).to.have.members(stream);
        const rank = ({ problem, turn, sample }: RecordedScore) => 100 * Number(problem) + 10 * turn + sample;
        for (let i = 1; i < order.length; i++) expect(rank(order[i])).at.least(rank(order[i - 1]));
      }),
    );
  });

  it('shuffled keeps each problem whole and in its order, and is a function of the seed', () => {
    fc.assert(
      fc.property(streams, fc.nat(), (stream, seed) => {
        const order = inQuestionOrder(stream, seed);
        expect(inQuestionOrder(stream, seed)).to.deep.equal(order);
        const switches = order.filter(({ problem }, i) => problem !== order[i - 1]?.problem).length;
        expect(switches).to.equal(new Set(stream.map(({ problem }) => problem)).size);
        for (const { problem } of stream) {
          const own = (some: RecordedScore[]) => some.filter((score) => score.problem === problem);
          expect(own(order)).to.deep.equal(own(inQuestionOrder(stream)));
        }
      }),
    );
  });

  it('takes any problem first, given the seeds', () => {
    const stream = [0, 1, 2, 3].map((problem) => ({
      problem: String(problem),
      sample: 0,
      turn: 0,
      score: 1,
      percentile: null,
    }));
    const first = Array.from({ length: 60 }, (_, seed) => inQuestionOrder(stream, seed)[0].problem);
    expect(new Set(first)).to.have.keys('0', '1', '2', '3');
  });
});

describe('replay', () => {
  it('of the aime24 pair rejects 0.367: one draw is the bank, the other is judged (published figure)', async () => {
    const { turns } = banksOf(await readBankFile(data('aime24.json')));
    const stream = inQuestionOrder(readScoreStream(data('aime24.per_question.json'), { samples }));
    const { decisions, rejection } = replay(stream, rule('marginal', turns, 'percentile'), alpha);
    expect(rejection.overall.toFixed(3)).to.equal('0.367');
    const bank = numbers('aime24.json');
    for (const { score, rejected } of decisions) {
      expect(rejected).to.equal(bank.filter((other) => other < score).length / bank.length >= 1 - alpha);
    }
  });

  it('of the first problems reproduces every recorded percentile and decision', async () => {
    const banks = banksOf(await readBankFile(data('two_raw.bank.json')));
    const stream = readScoreStream(data('two_raw.events.csv'), { samples });
    expect(countPercentileMismatches(stream, banks)).to.equal(0);
    const { decisions } = replay(stream, rule('marginal', banks.turns, 'percentile'), alpha);
    for (const { percentile, rejected } of decisions) expect(rejected).to.equal(percentile! >= 0.6);
  });

  it('of the first problems by a rate per turn and a global one is the recursion written out', async () => {
    const bank = numbers('two_raw.bank.json');
    const stream = inQuestionOrder(readScoreStream(data('two_raw.events.csv'), { samples }));
    const { decisions, rejection } = replay(stream, rule('turn-aci', [new ScoreBank(bank)]), alpha);
    const ofTurn: number[] = [];
    let global = 0;
    let rejections = 0;
    for (const { turn, score, rejected } of decisions) {
      ofTurn[turn] ??= alpha;
      const p = (1 + bank.filter((other) => other >= score).length) / (bank.length + 1);
      const expected = p <= ofTurn[turn] + global;
      expect(rejected).to.equal(expected);
      ofTurn[turn] += gamma * (alpha - (expected ? 1 : 0));
      global += gamma * (alpha - (expected ? 1 : 0));
      if (expected) rejections++;
    }
    expect(rejection.overall).to.equal(rejections / 176);
    expect(rejection.bound).to.deep.equal({ value: (0.6 + gamma) / (gamma * 176), holds: true });
  });

  it('by a static rule decides alike in any order', () => {
    fc.assert(
      fc.property(streams, fc.nat(), (stream, seed) => {
        const bank = new ScoreBank([0, 1, 2]);
        const rejected = (order: RecordedScore[]) =>
          replay(order, rule('marginal', [bank]), alpha).decisions.filter((decision) => decision.rejected).length;
        expect(rejected(inQuestionOrder(stream, seed))).to.equal(rejected(stream));
      }),
    );
  });

  it("by rank rejects round(αm) of each problem's m scores of a turn", () => {
    const stream = inQuestionOrder(readScoreStream(data('two_raw.events.csv'), { samples }));
    const { decisions } = replay(stream, rule('budget', []), alpha);
    const groups = new Map<string, boolean[]>();
    for (const { problem, turn, rejected } of decisions) {
      const key = `${problem} ${turn}`;
      groups.set(key, [...(groups.get(key) ?? []), rejected]);
    }
    for (const group of groups.values()) {
      expect(group.filter(Boolean)).to.have.length(Math.round(alpha * group.length));
    }
  });

  it('counts the percentiles that another bank gave', () => {
    const banks = { turns: [new ScoreBank([1, 2, 3, 4])] };
    const score = (percentile: number | null) => ({ problem: '0', sample: 0, turn: 0, score: 2.5, percentile });
    const stream = [score(0.5), score(0.5 + 1e-13), score(0.5 + 1e-11), score(0.75), score(null)];
    expect(countPercentileMismatches(stream, banks)).to.equal(2);
    expect(countPercentileMismatches(stream, { turns: [], questions: new Map([['0', banks.turns[0]]]) })).to.equal(2);
  });
});

describe('barriers between recorded chains', () => {
  it("at 16 slots a barrier costs the sum of the problems' longest chains", () => {
    const { chains } = readChainTimes(data('two_raw.samples.csv'), { samples });
    const longest = ['0', '1', '12'].map((id) =>
      Math.max(...chains.filter(({ problem }) => problem === id).map(({ turns }) => turns.reduce((a, b) => a + b, 0))),
    );
    const { perProblem, workConserving } = scheduleTimes(chains, 16);
    expect(perProblem).to.be.closeTo(
      longest.reduce((a, b) => a + b, 0),
      1e-9,
    );
    expect(workConserving).to.be.closeTo(
      byEvents(
        chains.map(({ turns }) => turns.reduce((a, b) => a + b, 0)),
        16,
      ),
      1e-9,
    );
  });
});

/** The same by walking through time: whenever a slot is free, the next chain of the queue starts. */
function byEvents(durations: number[], slots: number): number {
  const queue = [...durations];
  let running: number[] = [];
  let now = 0;
  while (queue.length > 0 || running.length > 0) {
    while (running.length < slots && queue.length > 0) running.push(now + queue.shift()!);
    now = Math.min(...running);
    running = running.filter((end) => end > now);
  }
  return now;
}
