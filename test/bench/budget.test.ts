import { expect } from 'chai';
import { reasonToSkip, softwareBudget } from '../../kernels/bench/gpu-budget.js';
import { medianOf } from '../../src/bench/median-of.js';

describe('what a processor that stands for a GPU is asked', () => {
  const cost = (flops: number) => ({ flops, bytes: { weights: 0, activations: 0, cache: 0 } });

  it('leaves out, with the reason, what would take too long even at the best rate so far, and what comes too late', () => {
    const known = [{ gflops: 1 }, { gflops: 4 }, { gflops: 2 }];
    const most = 4e9 * softwareBudget.run;
    expect(reasonToSkip(cost(most), known, 0)).to.equal(null);
    expect(reasonToSkip(cost(1.5 * most), known, 0)).to.equal('a run would take 3.0 s or more');
    expect(reasonToSkip(cost(1e15), [], 0), 'nothing is known').to.equal(null);
    expect(reasonToSkip(cost(1), known, softwareBudget.op + 1)).to.equal(`its op has had its ${softwareBudget.op} s`);
  });

  it('repeats a measurement as often as its budget has time for, once at least', async () => {
    const calls = async (repeats: number, milliseconds: number, budget?: number) => {
      let count = 0;
      await medianOf(
        repeats,
        async () => {
          count++;
          await new Promise((resolve) => setTimeout(resolve, milliseconds));
          return 1;
        },
        budget,
      );
      return count - 1;
    };
    expect(await calls(3, 1)).to.equal(3);
    expect(await calls(5, 20, 1)).to.equal(1);
    expect(await calls(3, 1, 60_000)).to.equal(3);
  });
});
