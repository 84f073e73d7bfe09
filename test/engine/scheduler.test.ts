import { expect } from 'chai';
import { PagePool } from '../../src/engine/local/page-pool.js';
import { Scheduler } from '../../src/engine/local/scheduler.js';
import { Sequence } from '../../src/engine/local/sequence.js';

const pageSize = 4;

function sequence(ids: number[]): Sequence {
  const key = { seed: 0, problem: '', sample: ids[0], role: 'draft' };
  return Sequence.generate({ prefix: { ids, text: '', fingerprint: '' }, maxTokens: 8, temperature: 1, key });
}

describe('the scheduler, when a device was lost', () => {
  it('computes everything anew that was running, in its order, what is written included', () => {
    const scheduler = new Scheduler(new PagePool(8, pageSize), { maxRows: 64, maxSequences: 2 }, () => {});
    const [a, b, c] = [
      [1, 2, 3, 4, 5],
      [6, 7],
      [8, 9, 10],
    ].map(sequence);
    for (const each of [a, b, c]) scheduler.add(each, 13);
    const first = scheduler.schedule();
    expect(first.map((entry) => entry.sequence)).to.deep.equal([a, b]);
    for (const entry of first) {
      scheduler.computed(entry);
      entry.sequence.ids.push(11);
    }

    const pool = new PagePool(8, pageSize);
    scheduler.restart(pool);
    expect(scheduler.pending).to.equal(3);
    const again = scheduler.schedule();
    expect(again).to.deep.equal([
      { sequence: a, rows: 6 },
      { sequence: b, rows: 3 },
    ]);
    expect(pool.numFree).to.equal(8 - a.pages.length - b.pages.length);
    expect(new Set([...a.pages, ...b.pages]).size).to.equal(3);
  });
});
