import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { ScoreBank } from '../../src/conformal/bank.js';
import { banksOf, readBankFile, writeBankFile } from '../../src/conformal/bank-file.js';
import type { BankFile } from '../../src/conformal/bank-format.js';
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

  it('comes back from strict JSON as it was', () => {
    fc.assert(
      fc.property(fc.array(score), (scores) => {
        const bank = new ScoreBank(scores, { draft: 'd', draftTokens: 32 });
        const back = ScoreBank.fromJSON(JSON.parse(JSON.stringify(bank)));
        expect(back.values()).deep.equal(bank.values());
        expect(back.provenance).deep.equal(bank.provenance);
      }),
    );
  });

  it('refuses JSON that is not a bank, on one line', async () => {
    const good = { schema: 'atts.bank/1', provenance: {}, turns: [[1]] };
    for (const bad of [
      null,
      { ...good, schema: 'atts.bank/2' },
      { ...good, extra: 1 },
      { ...good, turns: [[null]] },
      { ...good, turns: [['NaN']] },
      { ...good, turns: [[1], [2]] },
      { ...good, questions: {} },
      { ...good, provenance: { draft: 1 } },
    ]) {
      const error = await refusal(() => ScoreBank.fromJSON(bad));
      expect(error.code).equal('run');
      expect(error.message).not.include('\n');
    }
    expect(ScoreBank.fromJSON(good).size).equal(1);
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
    await writeFile(foreign, '[1.5, 1.6]');
    const cases: [() => Promise<unknown>, string, string][] = [
      [() => readBankFile(join(directory, 'none.json')), 'io', 'none.json does not exist'],
      [() => readBankFile(directory), 'io', 'cannot be read'],
      [() => readBankFile(torn), 'run', 'torn.json is not strict JSON'],
      [() => readBankFile(foreign), 'run', 'foreign.json is not atts.bank/1'],
      [() => writeBankFile(join(directory, 'no', 'bank.json'), file), 'io', 'cannot be written'],
      [() => writeBankFile(torn, { ...file, turns: [[Number.NaN]] }), 'score', 'NaN'],
    ];
    for (const [action, code, words] of cases) {
      const error = await refusal(action);
      expect(error.code).equal(code);
      expect(error.message).include(words).and.not.include('\n');
    }
  });
});
