import { expect } from 'chai';
import fc from 'fast-check';
import { float16, float16Bits } from '../../kernels/float16.js';
import { packedBytes, type WeightDtype } from '../../kernels/ops/linear/index.js';

describe('float16', () => {
  it('gives every finite number back its bits', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      if ((bits & 0x7c00) !== 0x7c00) expect(float16Bits(float16(bits))).to.equal(bits);
    }
  });

  it('takes the nearest number, and the even one of two', () => {
    const upTo65504 = fc.tuple(fc.nat({ max: 0x7bfe }), fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(
      fc.property(upTo65504, ([bits, share]) => {
        const [low, high] = [float16(bits), float16(bits + 1)];
        const value = Math.fround(low + share * (high - low));
        const middle = (low + high) / 2;
        const nearest = value < middle ? bits : value > middle ? bits + 1 : bits + (bits & 1);
        expect(float16Bits(value)).to.equal(nearest);
        expect(float16Bits(-value)).to.equal(nearest | 0x8000);
      }),
    );
    expect(float16Bits(1e6)).to.equal(0x7bff);
  });
});

describe('packed weights', () => {
  it('take the bits of their values, and at most one more for their scales', () => {
    const bits: Partial<Record<WeightDtype, number>> = { q8: 8.5, q6: 6.625, q5: 6, q5k: 5.75, q4: 5, q4k: 4.75 };
    for (const [dtype, wanted] of Object.entries(bits)) {
      expect((8 * packedBytes(64, 1024, dtype as WeightDtype)) / (64 * 1024), dtype).to.equal(wanted);
    }
  });
});
