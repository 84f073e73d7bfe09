import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { ScoreBank } from '../../src/conformal/bank.js';
import { readBankFile, writeBankFile } from '../../src/conformal/bank-file.js';
import type { BankFile } from '../../src/conformal/bank-format.js';
import { mergeBanks } from '../../src/conformal/bank-merge.js';
import { banksOf } from '../../src/conformal/banks.js';
import { AttsError } from '../../src/errors.js';

/** Few distinct values, so that ties are the rule; infinities among them. */
const tied = fc.constantFrom(Number.NEGATIVE_INFINITY, -1, 0, 0.5, 1, 2, Number.POSITIVE_INFINITY);
const score = fc.oneof(tied, fc.double({ noNaN: true }));

async function refusal(action: () => unknown): Promise<AttsError> {
  try {
    await action();
  } catch (error) {
    expect(error).instanceOf(AttsError);
    return error as AttsError;
  }
  throw new Error('was accepted');
}

describe('a score bank', () => {
  it('ranks like counting by hand, however it was filled', () => {
    fc.assert(
      fc.property(fc.array(score), fc.array(score), fc.array(score), (first, later, asked) => {
        const bank = new ScoreBank(first);
        for (const value of later) bank.insert(value);
        const all = [...first, ...later];
        expect(bank.size).equal(all.length);
        for (const s of [...asked, ...all]) {
          expect(bank.countBelow(s)).equal(all.filter((value) => value < s).length);
          expect(bank.countAtLeast(s)).equal(all.filter((value) => value >= s).length);
          expect(bank.countEqual(s)).equal(all.filter((value) => value === s).length);
        }
        expect(bank.values()).deep.equal(all.map((value) => value + 0).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
      }),
    );
  });

  it('takes ascending and descending scores in logarithmic time', () => {
    // An unbalanced tree would need 2 · 10^10 steps here, and overflow the stack.
    for (const sign of [1, -1]) {
      const bank = new ScoreBank();
      for (let value = 0; value < 200_000; value++) bank.insert(sign * value);
      expect(bank.countBelow(sign * 123_456)).equal(sign === 1 ? 123_456 : 199_999 - 123_456);
    }
  }).timeout(10_000);

  it('never holds or ranks NaN', async () => {
    const bank = new ScoreBank([1]);
    for (const action of [
      () => new ScoreBank([1, Number.NaN]),
      () => bank.insert(Number.NaN),
      () => bank.countBelow(Number.NaN),
      () => bank.countEqual(Number.NaN),
    ]) {
      expect((await refusal(action)).code).equal('score');
    }
    expect(bank.size).equal(1);
  });

  it('ranks by weight like adding by hand', () => {
    const weighted = fc.array(fc.tuple(score, fc.integer({ min: 1, max: 9 })));
    fc.assert(
      fc.property(weighted, weighted, fc.array(score), (first, later, asked) => {
        const bank = new ScoreBank(
          first.map(([value]) => value),
          {},
          first.map(([, weight]) => weight),
        );
        const whole = bank.clone();
        for (const [value, weight] of later) whole.insert(value, weight);
        const all = [...first, ...later];
        const sum = (pairs: [number, number][]) => pairs.reduce((total, [, weight]) => total + weight, 0);
        expect(whole.totalWeight).equal(sum(all));
        for (const s of [...asked, ...all.map(([value]) => value)]) {
          expect(whole.weightAtLeast(s)).equal(sum(all.filter(([value]) => value >= s)));
          expect(whole.weightEqual(s)).equal(sum(all.filter(([value]) => value === s)));
        }
        // The clone grew by itself.
        expect(bank.size).equal(first.length);
        expect(bank.totalWeight).equal(sum(first));
      }),
    );
  });

  it('without weights, weighs what it counts', () => {
    fc.assert(
      fc.property(fc.array(score), score, (scores, s) => {
        const bank = new ScoreBank(scores);
        expect(bank.totalWeight).equal(bank.size);
        expect(bank.weightAtLeast(s)).equal(bank.countAtLeast(s));
        expect(bank.weightEqual(s)).equal(bank.countEqual(s));
      }),
    );
  });

  it('refuses weights that are missing or not positive', () => {
    for (const weights of [[1], [1, 0], [1, -1], [1, Number.NaN], [1, Number.POSITIVE_INFINITY]]) {
      expect(() => new ScoreBank([1, 2], {}, weights)).throw(RangeError);
    }
  });
});

describe('a bank file', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'atts-bank-'));
  });
  after(() => rm(directory, { recursive: true }));

  const file: BankFile = {
    schema: 'atts.bank/1',
    provenance: { dataset: 'abacus', seed: 3, temperature: 0.8 },
    turns: [[0.5, Number.POSITIVE_INFINITY], [], [2]],
    questions: { 'a/1': [1, 1], 'a/2': [Number.NEGATIVE_INFINITY] },
  };

  it('keeps marginal, per-turn and per-question scores, infinities included', async () => {
    const path = join(directory, 'bank.json');
    await writeBankFile(path, file);
    const back = await readBankFile(path);
    expect(back).deep.equal(file);
    const { turns, questions } = banksOf(back);
    expect(turns.map((bank) => bank.size)).deep.equal([2, 0, 1]);
    expect(questions!.get('a/1')!.countEqual(1)).equal(2);
  });

  it('replaces the old file whole and leaves nothing beside it', async () => {
    const path = join(directory, 'twice.json');
    await writeBankFile(path, file);
    await writeBankFile(path, { ...file, turns: [[7]] });
    expect((await readBankFile(path)).turns).deep.equal([[7]]);
    expect((await readdir(directory)).filter((name) => name.includes('.tmp'))).deep.equal([]);
  });

  it('says in one line what is wrong with a missing, torn, foreign or unwritable file', async () => {
    const torn = join(directory, 'torn.json');
    await writeFile(torn, '{"schema":"atts.bank/1","turns":[[1,');
    const foreign = join(directory, 'foreign.json');
    await writeFile(foreign, '{"schema":"atts.bank/2","provenance":{},"turns":[[1]]}');
    const text = (content: string): Promise<string> => {
      const path = join(directory, 'text.json');
      return writeFile(path, content).then(() => path);
    };
    const own = (rest: object) =>
      text(JSON.stringify({ schema: 'atts.bank/1', provenance: {}, turns: [[1]], ...rest }));
    const cases: [() => Promise<unknown>, string, string][] = [
      [() => readBankFile(join(directory, 'none.json')), 'io', 'none.json does not exist'],
      [() => readBankFile(directory), 'io', 'cannot be read'],
      [() => readBankFile(torn), 'run', 'torn.json is not strict JSON'],
      [() => readBankFile(foreign), 'run', 'foreign.json is not atts.bank/1'],
      [async () => readBankFile(await own({ extra: 1 })), 'run', 'text.json is not atts.bank/1'],
      [async () => readBankFile(await own({ turns: [[null]] })), 'run', 'turns.0.0'],
      [async () => readBankFile(await own({ turns: [['NaN']] })), 'run', 'turns.0.0'],
      [async () => readBankFile(await own({ provenance: { draft: 1 } })), 'run', 'provenance.draft'],
      [async () => readBankFile(await own({ problems: [['a', 'b']] })), 'run', 'problems: not one problem for each'],
      [async () => readBankFile(await text('{"schema":"atts.bank/1","turns":[[Infinity]]}')), 'run', 'not strict JSON'],
      [async () => readBankFile(await text('[1.5, NaN, 2]')), 'score', 'turn 0, score 1 is NaN'],
      [async () => readBankFile(await text('{"7": [1, 2], "8": [3, NaN]}')), 'score', 'question 8, score 1 is NaN'],
      [async () => readBankFile(await text('[1.5, "x"]')), 'run', 'is not a list of scores: 1:'],
      [async () => readBankFile(await text('{"7": [1], "8": 3}')), 'run', 'is not an object of lists of scores: 8:'],
      [async () => readBankFile(await text('3')), 'run', 'is not atts.bank/1'],
      [() => writeBankFile(join(directory, 'no', 'bank.json'), file), 'io', 'cannot write'],
      [() => writeBankFile(torn, { ...file, turns: [[Number.NaN]] }), 'score', 'NaN'],
    ];
    for (const [action, code, words] of cases) {
      const error = await refusal(action);
      expect(error.code).equal(code);
      expect(error.message).include(words).and.not.include('\n');
    }
  });

  it('may be a bare list, or lists by question, with the infinities that Python writes', async () => {
    const path = join(directory, 'bare.json');
    await writeFile(path, '[1.25, Infinity, -Infinity, 2e-1]\n');
    const list = await readBankFile(path);
    expect(list.turns).deep.equal([[1.25, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.2]]);
    expect(list.provenance).deep.equal({});
    await writeFile(path, '{"0": [1, Infinity], "Infinity": [3]}');
    const byQuestion = await readBankFile(path);
    expect(byQuestion.questions).deep.equal({ '0': [1, Number.POSITIVE_INFINITY], Infinity: [3] });
    // First chunks are chunks of turn 0.
    const { turns, questions } = banksOf(byQuestion, 'problem');
    expect(turns.map((bank) => bank.values())).deep.equal([[1, 3, Number.POSITIVE_INFINITY]]);
    expect(turns[0]!.weightAtLeast(3)).equal(1.5);
    expect([...questions!.keys()]).deep.equal(['0', 'Infinity']);
  });

  it('tells the problem of every score, if each problem is to count once', async () => {
    const clustered: BankFile = { ...file, turns: [[1, 2, 3]], problems: [['a', 'b', 'a']], questions: undefined };
    const path = join(directory, 'clustered.json');
    await writeBankFile(path, clustered);
    const { turns } = banksOf(await readBankFile(path), 'problem');
    expect([1, 2, 3].map((s) => turns[0]!.weightEqual(s))).deep.equal([0.5, 1, 0.5]);
    const error = await refusal(() => banksOf({ ...clustered, problems: undefined }, 'problem'));
    expect(error.message).include('does not tell which problem');
  });
});

describe('merging banks', () => {
  const drawn = (rest: Partial<BankFile>, provenance: BankFile['provenance'] = {}): BankFile => ({
    schema: 'atts.bank/1',
    provenance: { draft: 'd', dataset: 'abacus', draftTokens: 32, seed: 0, datasetHash: 'h', ...provenance },
    turns: [],
    ...rest,
  });

  it('joins scores turn by turn, or question by question, and keeps what both say', () => {
    const a = drawn({ turns: [[1], [2]], problems: [['p'], ['p']] });
    const b = drawn({ turns: [[3]], problems: [['q']] }, { seed: 1 });
    expect(mergeBanks(a, b)).deep.equal({
      schema: 'atts.bank/1',
      provenance: { draft: 'd', dataset: 'abacus', draftTokens: 32, datasetHash: 'h' },
      turns: [[1, 3], [2]],
      problems: [['p', 'q'], ['p']],
    });
    const [x, y] = [drawn({ questions: { p: [1], q: [2] } }), drawn({ questions: { q: [3], r: [4] } }, { seed: 1 })];
    expect(mergeBanks(x, y).questions).deep.equal({ p: [1], q: [2, 3], r: [4] });
  });

  it('is refused by the names of the fields that differ, unless forced, which is recorded', async () => {
    const a = drawn({ turns: [[1]] });
    const b = drawn({ turns: [[2]] }, { draftTokens: 64, seed: 1, temperature: 0.8 });
    const error = await refusal(() => mergeBanks(a, b));
    expect(error.message).include('draftTokens 32 ≠ 64, temperature unknown ≠ 0.8').and.not.include('\n');
    const { provenance, turns } = mergeBanks(a, b, { force: true });
    expect(turns).deep.equal([[1, 2]]);
    expect(provenance).deep.equal({
      ...{ draft: 'd', dataset: 'abacus', datasetHash: 'h' },
      forced: ['draftTokens 32 ≠ 64, temperature unknown ≠ 0.8'],
    });
  });

  it('is refused for two copies of one draw, two kinds, and equal names of different problems', async () => {
    const a = drawn({ turns: [[1]], problems: [['0']] });
    expect((await refusal(() => mergeBanks(a, a))).message).include('both are of seed 0');
    expect((await refusal(() => mergeBanks(a, drawn({ questions: {} }, { seed: 1 })))).message).include(
      'two of a kind',
    );
    const other = drawn({ turns: [[2]], problems: [['0']] }, { dataset: 'math' });
    expect((await refusal(() => mergeBanks(a, other, { force: true }))).message).include('a problem 0');
  });
});
