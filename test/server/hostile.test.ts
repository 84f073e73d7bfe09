import { connect } from 'node:net';
import { expect } from 'chai';
import { openServed, type Served } from './served.js';

const url = '/v1/completions';

describe('a server among strangers', () => {
  let served: Served;
  before(async () => {
    served = await openServed({ apiKey: 'the secret key', bodyLimit: 16 * 2 ** 20 });
  });
  after(() => served.close());

  const post = async (payload: string | Buffer, url = '/v1/completions', key = 'the secret key') => {
    const begun = performance.now();
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
    const { statusCode, body } = await served.app.inject({ method: 'POST', url, payload, headers });
    return { status: statusCode, body, seconds: (performance.now() - begun) / 1000 };
  };

  const million = (element: string) => `[${Array(1_000_000).fill(element).join(',')}]`;
  const hostile: readonly (readonly [string, string | Buffer])[] = [
    ['a million stop strings', `{"prompt":"a","stop":${million('"b"')}}`],
    ['a million stops that are none', `{"prompt":"a","stop":${million('1')}}`],
    ['a million prompts', `{"prompt":${million('"a"')}}`],
    ['a million ids', `{"prompt":${million('5')}}`],
    ['a million ids of a huge vocabulary', `{"prompt":${million('1e9')}}`],
    ['a million lists', `{"prompt":${million('[]')}}`],
    ['nesting a million deep', `{"prompt":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`],
    ['nesting that is never closed', '['.repeat(2_000_000)],
    ['a hundred thousand keys', `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":0`).join(',')}}`],
    ['a text of eight million characters', `{"prompt":"${'a '.repeat(4_000_000)}"}`],
    ['bytes that are no UTF-8', Buffer.concat([Buffer.from('{"prompt":"'), Buffer.of(0xc3, 0x28), Buffer.from('"}')])],
    ['a body that is no JSON', '{"prompt": NaN}'],
    ['a prototype', '{"prompt":"a","__proto__":{"echo":true}}'],
    ['a constructor', '{"prompt":"a","constructor":{"prototype":{"echo":true}}}'],
    ['no object', '5'],
    ['nothing', ''],
  ];
  for (const [what, body] of hostile) {
    it(`refuses ${what} in a moment`, async () => {
      for (const route of [url, '/generate']) {
        const { status, seconds, body: told } = await post(body, route);
        expect(status, `${route}: ${told.slice(0, 200)}`).to.be.within(400, 499);
        expect(JSON.parse(told).error.message).to.be.a('string').with.length.below(400);
        expect(seconds).to.be.below(5);
      }
    });
  }

  it('refuses a gibibyte before it has come, whether or not its length is said', async () => {
    const address = new URL(await served.app.listen({ host: '127.0.0.1', port: 0 }));
    const head = [
      `POST ${url} HTTP/1.1`,
      'host: a',
      'content-type: application/json',
      'authorization: Bearer the secret key',
    ];
    const refusal = (length: string, piece: Buffer | null) =>
      new Promise<{ answer: string; sent: number }>((resolve, reject) => {
        let [answer, sent] = ['', 0];
        const socket = connect(Number(address.port), address.hostname);
        const send = () => {
          while (piece && !socket.destroyed && sent < 2 ** 30) {
            sent += piece.length;
            if (!socket.write(piece)) return;
          }
        };
        socket.write(`${[...head, length].join('\r\n')}\r\n\r\n`);
        socket.on('drain', send);
        socket.on('data', (data) => {
          answer += data;
          socket.destroy();
        });
        socket.on('close', () => resolve({ answer, sent }));
        socket.on('error', (error) => (answer === '' ? reject(error) : undefined));
        send();
      });
    const told = await refusal(`content-length: ${2 ** 30}`, null);
    expect(told.answer).to.match(/^HTTP\/1.1 413 /);
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(2 ** 20, 0x20), Buffer.from('\r\n')]);
    const untold = await refusal('transfer-encoding: chunked', chunk);
    expect(untold.answer).to.match(/^HTTP\/1.1 413 /);
    expect(untold.sent).to.be.below(2 ** 28);
  });

  it('wants JSON, known routes and the key', async () => {
    const { app } = served;
    const authorization = 'Bearer the secret key';
    const text = await app.inject({
      method: 'POST',
      url,
      payload: 'a',
      headers: { authorization, 'content-type': 'text/plain' },
    });
    expect(text.statusCode).to.equal(415);
    for (const [path, status] of [
      ['/etc/passwd', 404],
      ['/%zz', 400],
    ] as const) {
      const response = await app.inject({ url: path, headers: { authorization } });
      expect(response.statusCode).to.equal(status);
      expect(response.json().error.type).to.equal('invalid_request_error');
    }
    for (const key of ['', 'the secret', 'the secret key 2', 'THE SECRET KEY']) {
      expect((await post('{"prompt":"a"}', url, key)).status).to.equal(401);
    }
    for (const open of ['/v1/models', '/metrics', '/openapi.json', '/nowhere']) {
      expect((await app.inject({ url: open })).statusCode).to.equal(401);
    }
    expect((await app.inject({ url: '/health' })).statusCode).to.equal(200);
  });

  it('has no prompt, key or path in its log and its errors, whatever fails', async () => {
    const { target, app, logged } = served;
    const generate = target.generate.bind(target);
    target.generate = async () => {
      throw new Error('the device was lost');
    };
    const { status, body } = await post('{"prompt":"my private question"}', `${url}?secret=1`);
    expect((await app.inject('/health')).statusCode).to.equal(503);
    target.generate = generate;
    expect(status).to.equal(500);
    expect(logged).to.have.length(1);
    expect(JSON.parse(logged[0])).to.include({ msg: 'a request failed', error: 'the device was lost' });
    await app.inject({ method: 'POST', url: '/v1/a/private/path', headers: { authorization: 'Bearer a private key' } });
    expect(logged.join('') + body).not.to.match(/private|secret|question|\.ts|\.js|\/models|node_modules/);
  });

  it('goes on as before', async () => {
    const { status } = await post('{"prompt":"a","max_tokens":2}');
    expect(status).to.equal(200);
    expect((await served.app.inject('/health')).statusCode).to.equal(200);
  });
});
