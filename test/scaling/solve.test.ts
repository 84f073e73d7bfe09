import { expect } from 'chai';
import { AttsError, type BankFile, Solver } from '../../src/index.js';
import { contentOf, pairOfBlock, smallRun } from './embedded.js';

const bank: BankFile = {
  ...{ schema: 'atts.bank/1', provenance: {} },
  turns: [Array.from({ length: 50 }, (_, i) => 0.004 * i)],
};

describe('a solver', () => {
  const pair = pairOfBlock(2, 1);

  const ask = (solver: Solver, problem: string, seed = 1) =>
    solver.solve({ messages: [{ role: 'user', content: problem }], settings: { samples: 2, turns: 8, seed } });

  it('gives a question the same chains whatever was asked before, with a rule that does not learn', async () => {
    const [first, second] = pair.dataset.problems.map(({ problem }) => problem);
    const config = smallRun({ calibration: 'marginal' });
    const alone = await ask(new Solver({ ...pair, config, bank }), first);
    const solver = new Solver({ ...pair, config, bank });
    const [, beside] = await Promise.all([ask(solver, second), ask(solver, first), ask(solver, second, 2)]);
    const later = await ask(solver, first);
    for (const { chains, answer, votes } of [beside, later]) {
      expect(contentOf(chains)).to.deep.equal(contentOf(alone.chains));
      expect({ answer, votes }).to.deep.equal({ answer: alone.answer, votes: alone.votes });
    }
    expect(alone.answer).not.to.equal(null);
    expect(alone.votes).to.equal(alone.chains.filter(({ answer }) => answer === alone.answer).length);
    expect(contentOf((await ask(solver, first, 2)).chains)).not.to.deep.equal(contentOf(alone.chains));
  });

  it('refuses a rule that needs what it does not have, and a question that is too long', async () => {
    for (const calibration of ['marginal', 'per-turn', 'per-question'] as const) {
      expect(() => new Solver({ ...pair, config: smallRun({ calibration }), bank: null })).to.throw(AttsError);
    }
    const solver = new Solver({ ...pair, config: smallRun({ calibration: 'online' }), bank: null });
    const failure = await ask(solver, 'Add 1. '.repeat(300)).catch((error: AttsError) => error);
    expect(failure).to.be.instanceOf(AttsError).with.property('code', 'usage');
    expect((failure as AttsError).message).to.contain('too long');
  });
});
