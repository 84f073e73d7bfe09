import { expect } from 'chai';
import { philox, streamKey, uniformAt } from '../../src/engine/local/random.js';

describe('counter-based random numbers', () => {
  it('are Philox4x32-10, by the known answers of its authors', () => {
    const hex = (words: number[]) => words.map((word) => word.toString(16).padStart(8, '0')).join(' ');
    expect(hex(philox([0, 0, 0, 0], [0, 0]))).to.equal('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
    const ones = 0xffffffff;
    expect(hex(philox([ones, ones, ones, ones], [ones, ones]))).to.equal('408f276d 41c83b0e a20bc7c6 6d5451fd');
    expect(hex(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]))).to.equal(
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    );
  });

  it('differ with every part of the key and with the position', () => {
    const key = { seed: 1, problem: 'a', sample: 0, role: 'draft' };
    const variants = [
      key,
      { ...key, seed: 2 },
      { ...key, problem: 'b' },
      { ...key, sample: 1 },
      { ...key, role: 'target' },
    ];
    const drawn = variants.flatMap((variant) => [uniformAt(streamKey(variant), 5), uniformAt(streamKey(variant), 6)]);
    expect(new Set(drawn).size).to.equal(drawn.length);
    expect(uniformAt(streamKey(key), 5)).to.equal(uniformAt(streamKey({ ...key }), 5));
  });

  it('fill [0, 1) evenly: the mean of 20,000 lies within five standard errors of one half', () => {
    const key = streamKey({ seed: 3, problem: 'x', sample: 0, role: 'draft' });
    let sum = 0;
    for (let i = 0; i < 20_000; i++) {
      const u = uniformAt(key, i);
      expect(u).to.be.within(0, 1 - 2 ** -24);
      sum += u;
    }
    expect(Math.abs(sum / 20_000 - 0.5)).to.be.below((5 * Math.sqrt(1 / 12)) / Math.sqrt(20_000));
  });
});
