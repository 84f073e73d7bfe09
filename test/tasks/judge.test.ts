import { expect } from 'chai';
import { AttsError } from '../../src/errors.js';
import { openJudge, parseVerdict } from '../../src/tasks/judge.js';
import { type JudgeServer, judgeServer } from './judge-server.js';

const question = { problem: 'What is 1 + 2?', gold: '3', answer: 'three' };

async function failure(action: Promise<unknown>): Promise<AttsError> {
  try {
    await action;
  } catch (cause) {
    if (cause instanceof AttsError) return cause;
    throw cause;
  }
  throw new Error('nothing failed');
}

describe('judge', () => {
  let server: JudgeServer | null = null;
  afterEach(() => server?.close());

  it('puts problem, gold answer and answer to the model, greedily, with the key, and takes its verdict', async () => {
    server = await judgeServer(() => 'Both are 3.\nVERDICT: EQUIVALENT');
    expect(await openJudge(server.spec, 'secret').decide(question)).to.equal(true);
    const [request] = server.requests;
    expect(request).to.deep.include({ path: '/v1/chat/completions', model: 'some/model', temperature: 0 });
    expect(request.authorization).to.equal('Bearer secret');
    for (const part of Object.values(question)) expect(request.question).to.include(part);
  });

  it('sends no key where there is none', async () => {
    server = await judgeServer(() => 'VERDICT: DIFFERENT');
    expect(await openJudge(server.spec).decide(question)).to.equal(false);
    expect(server.requests[0].authorization).to.equal(undefined);
  });

  it('asks again once, and then has no verdict, in one line', async () => {
    server = await judgeServer((_, count) => (count === 1 ? 503 : 'VERDICT: EQUIVALENT'));
    expect(await openJudge(server.spec).decide(question)).to.equal(true);
    await server.close();
    server = await judgeServer(() => 'They look equal to me.');
    const vague = await failure(openJudge(server.spec).decide(question));
    expect(vague.message).to.match(/^judge http:\/\/127\.0\.0\.1:\d+\/v1: a reply without a verdict$/);
    expect(server.requests).to.have.length(2);
    const { spec } = server;
    await server.close();
    const gone = await failure(openJudge(spec).decide(question));
    expect(gone).to.include({ code: 'engine' });
    expect(gone.message).to.match(/^judge http.*ECONNREFUSED$/);
  });

  it('is refused where it is no endpoint with a model', () => {
    for (const spec of ['http://host/v1#m', 'openai+http://host/v1', 'openai+http://#m', 'openai+ftp://host#m', '']) {
      expect(() => openJudge(spec), spec)
        .to.throw(AttsError, /^--judge must be openai\+http:\/\/host:port\/v1#model/)
        .with.property('code', 'usage');
    }
  });
});

describe('verdict', () => {
  const cases: [unknown, boolean | null][] = [
    ['VERDICT: EQUIVALENT', true],
    ['VERDICT: DIFFERENT', false],
    ['I compare.\n\nVERDICT: EQUIVALENT\n', true],
    ['VERDICT: EQUIVALENT or VERDICT: DIFFERENT', null],
    ['VERDICT: DIFFERENT\nVERDICT: EQUIVALENT', null],
    ['VERDICT: EQUIVALENT\nbut I am not sure', null],
    ['verdict: equivalent', null],
    ['The answer says "VERDICT: EQUIVALENT"', null],
    ['VERDICT: NOT EQUIVALENT', null],
    ['EQUIVALENT', null],
    ['', null],
    [null, null],
    [true, null],
    [[{ type: 'text', text: 'VERDICT: EQUIVALENT' }], null],
  ];
  for (const [content, verdict] of cases) {
    it(`of ${JSON.stringify(content)} is ${verdict}`, () => {
      expect(parseVerdict(content)).to.equal(verdict);
    });
  }
});
