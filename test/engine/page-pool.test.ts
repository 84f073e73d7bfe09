import { expect } from 'chai';
import fc from 'fast-check';
import { PagePool } from '../../src/engine/local/page-pool.js';

/** Runs a sequence through the pool as the engine does; `contents` plays the cache's memory. */
function compute(
  pool: PagePool,
  contents: number[][],
  ids: number[],
  limit = ids.length,
): { pages: number[]; cached: number } | null {
  const found = pool.take(ids, limit);
  const pages = [...found.pages];
  if (found.partial) {
    const copy = pool.allocate(found.partial.page);
    if (copy === null) {
      pool.release(pages, ids.slice(0, pages.length * pool.pageSize));
      return null;
    }
    contents[copy] = contents[found.partial.page].slice(0, found.partial.tokens);
    pages.push(copy);
  }
  for (let position = found.tokens; position < ids.length; position++) {
    if (pages.length * pool.pageSize <= position) {
      const page = pool.allocate();
      if (page === null) {
        pool.release(pages, ids.slice(0, position));
        return null;
      }
      contents[page] = [];
      pages.push(page);
    }
    contents[pages[pages.length - 1]][position % pool.pageSize] = ids[position];
  }
  return { pages, cached: found.tokens };
}

describe('paged KV cache', () => {
  it('shares every common prefix to the token, within the given limit', () => {
    const pool = new PagePool(16, 4);
    const contents: number[][] = [];
    const first = compute(pool, contents, [1, 2, 3, 4, 5, 6]);
    pool.release(first!.pages, [1, 2, 3, 4, 5, 6]);
    expect(compute(pool, contents, [1, 2, 3, 4, 5, 9])!.cached).to.equal(5);
    expect(compute(pool, contents, [1, 2, 3, 4, 5, 6], 5)!.cached).to.equal(5);
    expect(compute(pool, contents, [1, 2, 7])!.cached).to.equal(2);
    expect(compute(pool, contents, [8])!.cached).to.equal(0);
  });

  it('lets sequences that run at the same time hold one page together', () => {
    const pool = new PagePool(8, 4);
    const contents: number[][] = [];
    const a = compute(pool, contents, [1, 2, 3, 4, 5]);
    pool.remember(a!.pages, [1, 2, 3, 4, 5]);
    const b = compute(pool, contents, [1, 2, 3, 4, 6]);
    expect(b!.pages[0]).to.equal(a!.pages[0]);
    expect(pool.numFree).to.equal(5);
    pool.release(a!.pages, [1, 2, 3, 4, 5]);
    expect(pool.numFree).to.equal(6);
    pool.release(b!.pages, [1, 2, 3, 4, 6]);
    expect(pool.numFree).to.equal(8);
  });

  it('refuses to release a page twice', () => {
    const pool = new PagePool(2, 4);
    const page = pool.allocate()!;
    pool.release([page], []);
    expect(() => pool.release([page], [])).to.throw('released twice');
  });

  it('always shows a sequence its own tokens, whatever came, went and was evicted before', () => {
    const sequences = fc.array(fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 14 }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(sequences, fc.integer({ min: 4, max: 12 }), (list, size) => {
        const pool = new PagePool(size, 4);
        const contents: number[][] = [];
        const held: { pages: number[]; ids: number[] }[] = [];
        for (const [i, ids] of list.entries()) {
          const result = compute(pool, contents, ids);
          if (result) {
            held.push({ pages: result.pages, ids });
            pool.remember(result.pages, ids);
          }
          for (const { pages, ids: own } of held) {
            expect(pages.flatMap((page, p) => contents[page].slice(0, Math.min(4, own.length - 4 * p)))).to.deep.equal(
              own,
            );
          }
          if (!result || i % 3 === 2) {
            const oldest = held.shift();
            if (oldest) pool.release(oldest.pages, oldest.ids);
          }
        }
        for (const { pages, ids } of held) pool.release(pages, ids);
        expect(pool.numFree).to.equal(size);
      }),
      { numRuns: 300 },
    );
  });
});
