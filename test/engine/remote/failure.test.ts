import { expect } from 'chai';
import fc from 'fast-check';
import { documentOf, failureOf, Locked, Refused, Transient } from '../../../src/engine/remote/failure.js';
import { retryAfter } from '../../../src/retry-after.js';

function failure(status: number, text = '', header: string | null = null): Error {
  try {
    documentOf('http://a', { status, text, retryAfter: header });
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected an error');
}

describe('what a reply means', () => {
  it('another attempt may cure it: a busy server, an error of its own, a body that is none', () => {
    for (const status of [408, 425, 429]) expect(failure(status)).to.include({ kind: 'busy' });
    for (const status of [500, 502, 503, 504]) expect(failure(status)).to.include({ kind: 'broken' });
    for (const text of ['', '{"a":', '<html>', '{"a":NaN}']) expect(failure(200, text)).to.include({ kind: 'broken' });
  });

  it('no attempt will: a request it refuses, a key it does not know, an account without credit', () => {
    const long = '{"error":{"message":"This model\'s maximum context length is 512 tokens.\\nShorten it."}}';
    for (const status of [400, 413, 422])
      expect(failure(status)).to.be.instanceOf(Refused).and.include({ code: 'usage' });
    for (const status of [404, 405, 501])
      expect(failure(status)).to.be.instanceOf(Refused).and.include({ code: 'engine' });
    expect(failure(400, long).message).to.equal(
      "http://a answers 400: This model's maximum context length is 512 tokens. Shorten it.",
    );
    expect(failure(404, '{"detail":"Not Found"}').message).to.equal('http://a answers 404: Not Found');
    for (const status of [401, 403]) expect(failure(status)).to.be.instanceOf(Locked).and.include({ code: 'engine' });
    expect(failure(429, '{"error":{"code":"insufficient_quota","message":"pay"}}')).to.be.instanceOf(Refused);
  });

  it('its reason is one line of bounded length, whatever it is', () => {
    fc.assert(
      fc.property(fc.constantFrom(400, 401, 429, 500), fc.oneof(fc.string(), fc.json()), (status, said) => {
        for (const text of [said, JSON.stringify({ error: said }), JSON.stringify({ error: { message: said } })]) {
          const { message } = failure(status, text);
          expect(message).not.to.match(/[\n\r]/);
          expect(message.length).to.be.below(320);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('reads Retry-After in seconds and as a date, and no time in the past', () => {
    const now = Date.parse('2025-01-01T00:00:00Z');
    expect(retryAfter('2', now)).to.equal(2000);
    expect(retryAfter('0.5', now)).to.equal(500);
    expect(retryAfter('Wed, 01 Jan 2025 00:00:03 GMT', now)).to.equal(3000);
    expect(retryAfter('Wed, 01 Jan 2020 00:00:00 GMT', now)).to.equal(0);
    expect([retryAfter('soon', now), retryAfter(null, now)]).to.deep.equal([null, null]);
  });

  it('tells a server that is not there from a connection that broke', () => {
    const error = (code: string) => Object.assign(new Error('x'), { code });
    expect(failureOf(error('ECONNREFUSED'))).to.include({ kind: 'unreachable', message: 'ECONNREFUSED' });
    expect(failureOf(new AggregateError([error('EHOSTUNREACH')]))).to.include({ kind: 'unreachable' });
    for (const code of ['ECONNRESET', 'UND_ERR_SOCKET', 'EPIPE'])
      expect(failureOf(error(code))).to.include({ kind: 'broken' });
    const known = new Transient('busy', 'later');
    expect(failureOf(known)).to.equal(known);
  });
});
