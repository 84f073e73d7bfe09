import { expect } from 'chai';
import fc from 'fast-check';
import { duration, makespan, scheduleTimes, type TimedChain } from '../../src/profiler/barrier.js';

const chain = (problem: string, ...turns: number[]): TimedChain => ({ problem, turns });

/** Whole seconds: every sum is exact, so that laws hold without a tolerance. */
const seconds = fc.oneof(fc.nat(6), fc.nat(1000));
const chains = fc.array(
  fc.record({
    problem: fc.constantFrom('a', 'b', 'c'),
    turns: fc.array(seconds, { minLength: 1, maxLength: 5 }),
  }),
  { minLength: 1, maxLength: 40 },
);
const slots = fc.integer({ min: 1, max: 20 });
const total = (some: readonly TimedChain[]) => some.map(duration).reduce((a, b) => a + b, 0);
const largestGroup = (some: readonly TimedChain[]) =>
  Math.max(...some.map(({ problem }) => some.filter((other) => other.problem === problem).length));

describe('wall time with and without barriers', () => {
  it('of two problems, by hand', () => {
    const both = [chain('a', 1, 3), chain('a', 2, 1), chain('b', 5), chain('b', 1, 1)];
    // Free: slot 2 at 3 takes b's first chain to 8, slot 1 at 4 its second to 6.
    expect(scheduleTimes(both, 2)).to.deep.equal({
      slots: 2,
      workConserving: 8,
      perProblem: 4 + 5,
      perTurn: 2 + 3 + 5 + 1,
    });
    expect(scheduleTimes(both, 4)).to.include({ workConserving: 5, perProblem: 9, perTurn: 11 });
  });

  it('a chain that ends early leaves its turn barrier to the others', () => {
    expect(scheduleTimes([chain('a', 1), chain('a', 1, 1, 7)], 2).perTurn).to.equal(9);
  });

  it('is the sum of group maxima where a problem fits into the slots', () => {
    fc.assert(
      fc.property(chains, (some) => {
        const longest = new Map<string, number>();
        for (const one of some) longest.set(one.problem, Math.max(longest.get(one.problem) ?? 0, duration(one)));
        const expected = [...longest.values()].reduce((a, b) => a + b, 0);
        expect(scheduleTimes(some, largestGroup(some)).perProblem).to.equal(expected);
      }),
    );
  });

  it('work-conserving is never slower than a barrier after each problem, at any number of slots', () => {
    fc.assert(
      fc.property(chains, slots, (some, s) => {
        const { workConserving, perProblem } = scheduleTimes(some, s);
        expect(workConserving).at.most(perProblem);
      }),
    );
  });

  it('a barrier after each turn is never faster than one after each problem where a problem fits into the slots', () => {
    fc.assert(
      fc.property(chains, fc.nat(5), (some, spare) => {
        const { perProblem, perTurn } = scheduleTimes(some, largestGroup(some) + spare);
        expect(perProblem).at.most(perTurn);
      }),
    );
  });

  it('with fewer slots than chains of a problem, a barrier after each turn can be faster', () => {
    const three = [chain('a', 2), chain('a', 1, 1), chain('a', 1, 1)];
    expect(scheduleTimes(three, 2)).to.include({ perProblem: 4, perTurn: 3 });
  });

  it('work-conserving stays within the bounds of list scheduling', () => {
    fc.assert(
      fc.property(chains, slots, (some, s) => {
        const { workConserving } = scheduleTimes(some, s);
        const longest = Math.max(...some.map(duration));
        expect(workConserving).at.least(Math.max(longest, total(some) / s));
        // Times the slots, so that both sides are whole numbers.
        expect(workConserving * s).at.most(total(some) + (s - 1) * longest);
      }),
    );
  });

  it('one slot takes the total under every schedule', () => {
    fc.assert(
      fc.property(chains, (some) => {
        const all = total(some);
        expect(scheduleTimes(some, 1)).to.deep.equal({ slots: 1, workConserving: all, perProblem: all, perTurn: all });
      }),
    );
  });

  it('more slots never cost time under any schedule', () => {
    fc.assert(
      fc.property(chains, slots, fc.integer({ min: 1, max: 5 }), (some, s, more) => {
        const [few, many] = [scheduleTimes(some, s), scheduleTimes(some, s + more)];
        for (const name of ['workConserving', 'perProblem', 'perTurn'] as const) {
          expect(many[name], name).at.most(few[name]);
        }
      }),
    );
  });

  it('no job taken out makes list scheduling longer', () => {
    fc.assert(
      fc.property(fc.array(seconds, { minLength: 1, maxLength: 30 }), slots, fc.nat(), (jobs, s, at) => {
        const fewer = jobs.toSpliced(at % jobs.length, 1);
        expect(makespan(fewer, s)).at.most(makespan(jobs, s));
      }),
    );
  });

  it('depends on the order of the chains: the longest first is better here than last', () => {
    expect(makespan([4, 2, 2], 2)).to.equal(4);
    expect(makespan([2, 2, 4], 2)).to.equal(6);
  });
});
