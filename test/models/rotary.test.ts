import { expect } from 'chai';
import { qwen2 } from '../../models/families/qwen2.js';
import { rotaryFrequencies, rotaryGain } from '../../models/rotary.js';
import { smallConfigs } from './checkpoint/small-model.js';

/** Rope of a qwen2 with heads of 128, as its config.json says. */
function ropeOf(scaling: object | null, theta = 10_000) {
  return qwen2.decoderConfig({ ...smallConfigs.qwen2, rope_theta: theta, rope_scaling: scaling }).rope[0];
}

describe('rotary frequencies', () => {
  it('linear divides all of them, dynamic none: a sequence ends where it would begin', () => {
    const plain = rotaryFrequencies(ropeOf(null), 128);
    const linear = rotaryFrequencies(ropeOf({ rope_type: 'linear', factor: 4 }), 128);
    linear.forEach((frequency, i) => {
      expect(frequency).to.be.closeTo(plain[i] / 4, 1e-15);
    });
    expect([...rotaryFrequencies(ropeOf({ type: 'dynamic', factor: 4 }), 128)]).to.deep.equal([...plain]);
  });

  describe('yarn of factor 4 over 32,768 positions, base 1,000,000, heads of 128 (Qwen2.5)', () => {
    // The dimension that turns n times within the context is 64 · ln(32768 / 2πn) / ln(10^6): for n = 32 it is 23.59…,
    // for n = 1 39.65…; so 23 and 40 are the ends of the ramp.
    const rope = ropeOf({ type: 'yarn', factor: 4, original_max_position_embeddings: 32_768 }, 1_000_000);
    const frequencies = rotaryFrequencies(rope, 128);
    const plain = (i: number) => 1_000_000 ** (-i / 64);

    it('keeps what turns 32 times and more, and divides by 4 what turns once or less', () => {
      for (let i = 0; i <= 23; i++) expect(frequencies[i]).to.be.closeTo(plain(i), 1e-15);
      for (let i = 40; i < 64; i++) expect(frequencies[i]).to.be.closeTo(plain(i) / 4, 1e-15);
    });

    it('blends in equal steps between', () => {
      for (let i = 24; i < 40; i++) {
        const divided = (i - 23) / 17;
        expect(frequencies[i]).to.be.closeTo(plain(i) * (1 - divided + divided / 4), 1e-15);
      }
    });

    it('multiplies queries and keys by 0.1 ln 4 + 1, or by the factor that is given', () => {
      expect(rotaryGain(rope)).to.be.closeTo(1.138_629_436_112, 1e-12);
      const scaling = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32_768 };
      expect(rotaryGain(ropeOf({ ...scaling, attention_factor: 1.5 }))).to.equal(1.5);
      const split = rotaryGain(ropeOf({ ...scaling, factor: 40, mscale: 0.5, mscale_all_dim: 1 }));
      expect(split).to.be.closeTo((0.05 * Math.log(40) + 1) / (0.1 * Math.log(40) + 1), 1e-12);
    });

    it('takes the ends of the ramp as they are where they are not to be whole', () => {
      const exact = rotaryFrequencies(
        ropeOf({ rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32_768, truncate: false }, 1_000_000),
        128,
      );
      const end = (n: number) => (64 * Math.log(32_768 / (2 * Math.PI * n))) / Math.log(1_000_000);
      const divided = (30 - end(32)) / (end(1) - end(32));
      expect(exact[30]).to.be.closeTo(plain(30) * (1 - divided + divided / 4), 1e-15);
    });
  });

  it('a scaling that is not known is refused by name', () => {
    expect(() => ropeOf({ rope_type: 'longrope', factor: 4 })).to.throw(/rope scaling "longrope" is not supported/);
    expect(() => ropeOf({ rope_type: 'yarn', factor: 4 })).to.throw(
      /needs a positive original_max_position_embeddings/,
    );
  });
});
