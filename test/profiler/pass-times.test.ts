import { expect } from 'chai';
import fc from 'fast-check';
import type { PassRecord } from '../../src/engine/pass-record.js';
import { PassFit, passSeconds } from '../../src/profiler/pass-fit.js';
import { coldPasses, coldSecondsOf, hostTimes, PassWatch } from '../../src/profiler/pass-times.js';

const sequences = fc.array(
  fc.record({ cached: fc.integer({ min: 0, max: 400 }), rows: fc.constantFrom(1, 1, 1, 16, 32) }),
  { minLength: 1, maxLength: 24 },
);
const passes = fc.array(
  sequences.map((own) => {
    const decoding = own.filter(({ rows }) => rows === 1).length;
    const scored = own.filter(({ rows }) => rows === 32).length * 32;
    return { sequences: own, sampled: decoding, scored };
  }),
  { minLength: 40, maxLength: 80 },
);
const truth = [2e-4, 3e-5, 1e-5, 2e-5, 1e-7];

describe('what passes take', () => {
  it('is found again from passes that take what the five coefficients say', () => {
    fc.assert(
      fc.property(passes, (ran) => {
        const fit = new PassFit();
        for (const pass of ran) fit.add(pass, passSeconds(truth, pass));
        const coefficients = fit.coefficients();
        for (const pass of ran) {
          expect(passSeconds(coefficients, pass) / passSeconds(truth, pass)).to.be.within(0.97, 1.03);
        }
        expect(Math.min(...coefficients)).to.be.at.least(0);
      }),
      { numRuns: 30 },
    );
  });

  it('has no coefficient below 0, whatever was measured', () => {
    fc.assert(
      fc.property(passes, fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true }), { minLength: 80 }), (ran, times) => {
        const fit = new PassFit();
        for (const [i, pass] of ran.entries()) fit.add(pass, times[i]);
        expect(Math.min(...fit.coefficients())).to.be.at.least(0);
      }),
      { numRuns: 30 },
    );
  });

  it('tells the first passes, which compile, from the others, and work after ended calls from that of any pass', () => {
    const watch = new PassWatch();
    const pass = (i: number): PassRecord => ({
      ...{ sequences: [{ cached: 10, rows: 1 }], sampled: 1, scored: 0, started: i, pages: 1 },
      seconds: i < coldPasses ? 0.003 : 0.001,
      ...{ hostSeconds: i % 4 === 0 ? 0.0005 : 0.0001, ended: i % 4 === 0 ? 2 : 0 },
    });
    for (let i = 0; i < 2 * coldPasses; i++) watch.add(pass(i));
    const { coefficients, coldSeconds, host } = watch.report();
    expect(passSeconds(coefficients, pass(0))).to.be.closeTo(0.001, 1e-9);
    const sum = coldSeconds.reduce((total, seconds) => total + seconds, 0);
    expect(sum).to.be.closeTo(coldPasses * 0.002, 1e-6);
    expect(coldSecondsOf({ coldSeconds }, 0)).to.be.closeTo(0.002, 1e-6);
    expect(coldSecondsOf({ coldSeconds }, coldPasses - 1)).to.be.closeTo(0.002, 1e-6);
    expect(coldSecondsOf({ coldSeconds }, coldPasses)).to.equal(0);
    const { passSeconds: each, callSeconds } = hostTimes([host]);
    expect(each).to.be.closeTo(0.0001, 1e-9);
    expect(callSeconds).to.be.closeTo(0.0002, 1e-9);
    // A quarter of that was writing chains.
    const records = { chains: 10, seconds: 0.0001 * host.ended * 0.5 };
    expect(hostTimes([host], records).callSeconds).to.be.closeTo(0.00015, 1e-9);
  });

  it('of a run shorter than that is learned from all of it', () => {
    const watch = new PassWatch();
    watch.add({
      sequences: [{ cached: 0, rows: 4 }],
      sampled: 1,
      scored: 0,
      seconds: 0.5,
      hostSeconds: 0,
      ended: 0,
      started: 0,
      pages: 1,
    });
    const { coefficients, coldSeconds } = watch.report();
    expect(coldSeconds).to.deep.equal([]);
    expect(passSeconds(coefficients, { sequences: [{ cached: 0, rows: 4 }], sampled: 1, scored: 0 })).to.be.closeTo(
      0.5,
      1e-3,
    );
  });
});
