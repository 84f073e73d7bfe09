import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readRun } from '../../src/index.js';
import { chainTimes, totals } from '../../src/report/figures/chain-time.js';
import { toyComparison } from './fixture.js';

describe('time of chains', () => {
  let directory = '';
  before(() => {
    directory = toyComparison();
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('accounts for every moment of a chain once, from start to finish', () => {
    for (const method of ['draft-only', 'target-only', 'sync', 'async']) {
      for (const { chain, stretches } of chainTimes(readRun(join(directory, method)))) {
        let end = chain.started;
        for (const { from, to } of stretches) {
          expect(from).to.be.closeTo(end, 1e-6);
          expect(to).to.be.at.least(from);
          end = to;
        }
        expect(end).to.be.closeTo(chain.finished, 1e-6);
      }
    }
  });

  it('sums to the waits of the summary', () => {
    for (const method of ['sync', 'async']) {
      const run = readRun(join(directory, method));
      const { barrier, queue } = totals(chainTimes(run));
      expect(barrier / 1000).to.be.closeTo(run.summary!.time.syncWaitSeconds, 1e-6);
      expect(queue / 1000).to.be.closeTo(run.summary!.time.queueWaitSeconds, 1e-6);
    }
  });
});
