import { expect } from 'chai';
import { type RandomStream, randomStream } from '../../models/abacus/random.js';
import { clusteredBootstrap, mean } from '../../src/statistics/index.js';
import { passAt } from '../../src/tasks/metrics.js';
import { binomialLower, binomialUpper } from './binomial.js';

/** Jöhnk 1964: of two powers of uniforms, given that they sum to at most 1. */
function beta(random: RandomStream, a: number, b: number): number {
  for (;;) {
    const [x, y] = [random.uniform() ** (1 / a), random.uniform() ** (1 / b)];
    if (x + y <= 1) return x / (x + y);
  }
}

describe('clusteredBootstrap', () => {
  const values = Array.from({ length: 60 }, (_, i) => (i % 5) / 4);

  it('is a function of values and seed', () => {
    expect(clusteredBootstrap(values, { seed: 7 })).to.deep.equal(clusteredBootstrap(values, { seed: 7 }));
    expect(clusteredBootstrap(values, { seed: 7 })).to.not.deep.equal(clusteredBootstrap(values, { seed: 8 }));
  });

  it('is as wide as the normal interval of a mean', () => {
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    const half = 1.96 * Math.sqrt(variance / values.length);
    const [low, high] = clusteredBootstrap(values, { resamples: 20_000 });
    expect(low).to.be.closeTo(mean - half, 0.1 * half);
    expect(high).to.be.closeTo(mean + half, 0.1 * half);
  });

  it('covers the true mean in about 95 % of data sets', () => {
    const random = randomStream(3, 'coverage');
    let covered = 0;
    for (let i = 0; i < 400; i++) {
      const sample = Array.from({ length: 60 }, () => (random.uniform() < 0.6 ? 1 : 0));
      const [low, high] = clusteredBootstrap(sample, { seed: i, resamples: 400 });
      if (low <= 0.6 && 0.6 <= high) covered++;
    }
    // Binomial(400, 0.95) lies in 362 … 396 with probability above 0.9999; the percentile interval is a little narrow.
    expect(covered).to.be.within(358, 398);
  });

  it('covers where chains of one problem are alike, and an interval that resamples chains does not', () => {
    // 60 problems × 16 chains; a problem's rate is Beta(4/15, 2/5): mean 0.4, intraclass correlation 1/(1 + 2/3) = 0.6.
    const [mean, problems, chains, datasets] = [0.4, 60, 16, 400];
    const random = randomStream(5, 'clusters');
    const covered = { byProblem: 0, byChain: 0 };
    for (let i = 0; i < datasets; i++) {
      const rates = Array.from({ length: problems }, () => {
        const rate = beta(random, 4 / 15, 2 / 5);
        return Array.from({ length: chains }, () => random.uniform()).filter((u) => u < rate).length / chains;
      });
      const [low, high] = clusteredBootstrap(rates, { seed: i, resamples: 400 });
      if (low <= mean && mean <= high) covered.byProblem++;
      // What resampling chains comes to: the binomial interval of 960 independent chains.
      const share = rates.reduce((sum, rate) => sum + rate, 0) / problems;
      const half = 1.96 * Math.sqrt((share * (1 - share)) / (problems * chains));
      if (Math.abs(share - mean) <= half) covered.byChain++;
    }
    // Fewer would refute a coverage of 92 % at level 1e-6 (95 % nominal; 60 problems make a percentile interval a little narrow).
    expect(covered.byProblem).at.least(binomialLower(datasets, 0.92, 1e-6));
    // The design effect is 1 + 15 · 0.6 = 10: the law of large numbers gives it 2Φ(1.96/√10) − 1 = 46 %.
    expect(covered.byChain).within(binomialLower(datasets, 0.46, 1e-4), binomialUpper(datasets, 0.46, 1e-4));
  }).timeout(60_000);

  it('resamples any statistic of whole problems', () => {
    const tallies = values.map((v) => ({ correct: Math.round(4 * v), total: 4 }));
    const pass = (sample: typeof tallies) => mean(sample.map((tally) => passAt(2, tally)!));
    const [low, high] = clusteredBootstrap(tallies, { statistic: (sample) => pass([...sample]) });
    expect(low).to.be.below(pass(tallies));
    expect(high).to.be.above(pass(tallies));
  });

  it('is a point where all problems agree, and impossible without any', () => {
    expect(clusteredBootstrap([1, 1, 1])).to.deep.equal([1, 1]);
    expect(() => clusteredBootstrap([])).to.throw(RangeError);
  });
});
