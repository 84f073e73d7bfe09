import { expect } from 'chai';
import fc from 'fast-check';
import { findStop, StopText } from '../../src/server/stop-text.js';

/** Ids that are bytes, as in a vocabulary of 256. */
const tokenizer = { bytes: (ids: readonly number[]) => Uint8Array.from(ids) };

describe('text that is streamed up to a stop string', () => {
  it('is, however it is cut into tokens, the text up to the first stop string', () => {
    const unit = fc.constantFrom('a', 'b', '\n', '€', '𝄞');
    const text = fc.string({ unit, maxLength: 40 });
    const stops = fc.array(fc.string({ unit, minLength: 1, maxLength: 4 }), { maxLength: 3 });
    const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 5 }));
    fc.assert(
      fc.property(text, stops, sizes, (text, stops, sizes) => {
        const bytes = Buffer.from(text);
        const stream = new StopText(tokenizer, stops);
        let [written, seen, at] = ['', '', 0];
        // Generation ends with the token that completes a stop string.
        while (at < bytes.length && findStop(seen, stops) === null) {
          const end = at + (sizes.next().value as number);
          written += stream.push([...bytes.subarray(at, end)]);
          seen = bytes.subarray(0, end).toString();
          at = end;
        }
        written += stream.flush();
        expect(written).to.equal(seen.slice(0, findStop(seen, stops)?.at));
      }),
      { numRuns: 500 },
    );
  });

  it('gives text out as soon as no stop string can begin in it', () => {
    const stream = new StopText(tokenizer, ['\n\n']);
    expect(stream.push([...Buffer.from('one\ntwo')])).to.equal('one\ntwo');
    expect(stream.push([...Buffer.from('\n')])).to.equal('');
    expect(stream.push([...Buffer.from('three')])).to.equal('\nthree');
  });
});
