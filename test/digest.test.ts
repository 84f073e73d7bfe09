import { expect } from 'chai';
import fc from 'fast-check';
import * as browser from '../src/digest.browser.js';
import * as node from '../src/digest.js';

describe('SHA-256', () => {
  it('of a text is the published one', () => {
    expect(node.sha256Hex(['abc'])).to.equal('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('is the same in a browser, of texts and bytes one after another', () => {
    const part = fc.oneof(fc.string({ unit: 'grapheme' }), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        expect(browser.sha256Hex(parts)).to.equal(node.sha256Hex(parts));
        expect([...browser.sha256(...parts)]).to.deep.equal([...node.sha256(...parts)]);
      }),
    );
  });
});
