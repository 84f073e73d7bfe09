import { expect } from 'chai';
import fc from 'fast-check';
import { shardOf, shardSchema } from '../../src/runs/shard.js';
import { refusal } from './fixtures.js';

describe('shards of a dataset', () => {
  it('hold every problem once, in its order, and are equally large to within one', () => {
    const counts = fc.integer({ min: 1, max: 40 }).chain((count) => fc.tuple(fc.constant(count), fc.nat({ max: 60 })));
    fc.assert(
      fc.property(counts, ([count, more]) => {
        const problems = Array.from({ length: count + more }, (_, i) => i);
        const shards = Array.from({ length: count }, (_, i) => shardOf(problems, `${i + 1}/${count}`));
        expect(shards.flat().toSorted((a, b) => a - b)).to.deep.equal(problems);
        const sizes = shards.map((shard) => shard.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).to.be.at.most(1);
        for (const shard of shards) expect(shard).to.deep.equal(shard.toSorted((a, b) => a - b));
      }),
    );
  });

  it('take from all of a sorted dataset, not a block of it', () => {
    expect(shardOf(['a1', 'a2', 'b1', 'b2', 'c1', 'c2'], '1/2')).to.deep.equal(['a1', 'b1', 'c1']);
  });

  it('are named i/n with i from 1 to n, and nothing else is', () => {
    fc.assert(
      fc.property(fc.nat({ max: 50 }), fc.nat({ max: 50 }), (index, count) => {
        const isShard = index >= 1 && index <= count;
        expect(shardSchema.safeParse(`${index}/${count}`).success).to.equal(isShard);
      }),
    );
    for (const name of ['1', '1/', '/2', '01/2', '1/2/3', '-1/2', '1.0/2', ' 1/2', '1e0/2', '']) {
      expect(shardSchema.safeParse(name).success, name).to.equal(false);
    }
  });

  it('are never empty: more shards than problems are refused, whichever it is', () => {
    for (const shard of ['1/4', '4/4']) {
      const error = refusal(() => shardOf(['a', 'b', 'c'], shard));
      expect(error.code).to.equal('usage');
      expect(error.message).to.equal(`--shard ${shard}: 3 problems make 3 shards at most; choose fewer`);
    }
  });
});
