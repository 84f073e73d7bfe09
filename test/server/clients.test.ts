import { expect } from 'chai';
import { type Engine, openEngine } from '../../src/index.js';
import type { Chat } from '../../src/server/schemas/chat.js';
import type { Generated } from '../../src/server/schemas/generate.js';
import { buildServer } from '../../src/server/server.js';
import { openaiDouble } from '../engine/remote/openai-double.js';
import { openServed, piece, type Served } from './served.js';

const text = 'Start with 5. Add 3. Double it. What is the result?';
const name = 'abacus-qwen3-2m';

describe('a server of ours', () => {
  let served: Served;
  let url: string;
  const remotes: Engine[] = [];
  before(async () => {
    served = await openServed();
    url = await served.app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterEach(() => Promise.all(remotes.splice(0).map((remote) => remote.close())));
  after(() => served.close());

  for (const protocol of ['sglang://HOST', `vllm://HOST#${name}`, `openai+http://HOST/v1#${name}`]) {
    it(`is read by our own client as ${protocol}: the scores and the greedy tokens of its engine`, async () => {
      const { target } = served;
      const remote = await openEngine(protocol.replace('HOST', new URL(url).host));
      remotes.push(remote);
      const prefix = target.tokenizer.chat([{ role: 'user', content: text }]);
      const key = { seed: 1, problem: 'p', sample: 0, role: 'draft' };
      const [there, here] = await Promise.all(
        [remote, target].map((engine) => engine.generate({ prefix, maxTokens: 40, temperature: 0, key })),
      );
      expect(there.ids).to.deep.equal(here.ids);
      expect([there.text, there.finish]).to.deep.equal([here.text, here.finish]);
      const [told, known] = await Promise.all([remote, target].map((engine) => engine.score({ prefix, chunk: here })));
      expect(told.logProbs).to.deep.equal(known.logProbs);
    });
  }

  for (const [what, quirks, body, why] of [
    ['only takes messages', { kind: 'openai', refuses: ['completions'] }, {}, 'is only asked by messages'],
    ['takes no stop strings', { kind: 'vllm', root: name, refuses: ['stop'] }, { stop: 'a' }, 'stop is not supported'],
  ] as const) {
    it(`says that the model's own server ${what}, and stays well`, async () => {
      const double = await openaiDouble(served.target, quirks).start();
      const spec = quirks.kind === 'vllm' ? `vllm://${double.host}` : `openai+http://${double.host}/v1?context=513`;
      const target = await openEngine(spec, { scores: false });
      const { app } = await buildServer({ engines: { target } });
      const post = (url: string, payload: object) => app.inject({ method: 'POST', url, payload });
      const refused = await post('/v1/completions', { prompt: 'a text', max_tokens: 2, ...body });
      expect(refused.statusCode).to.equal(400);
      expect(refused.json().error.message).to.contain(why);
      expect((await app.inject('/health')).statusCode).to.equal(200);
      const messages = [{ role: 'user', content: text }];
      const answered = await post('/v1/chat/completions', { messages, max_tokens: 3, temperature: 0 });
      const here = await served.ask<Chat>('/v1/chat/completions', { messages, max_tokens: 3, temperature: 0 });
      expect(answered.json().choices[0].message).to.deep.equal(here.body.choices[0].message);
      await app.close();
      await target.close();
      await double.stop();
    });
  }

  it('answers what the reference implementation asks of SGLang, as it asks it', async () => {
    const { target } = served;
    const post = async <T>(path: string, body: object): Promise<T> => {
      const headers = { 'content-type': 'application/json', authorization: 'Bearer None' };
      const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
      expect(response.status).to.equal(200);
      return (await response.json()) as T;
    };
    expect((await fetch(`${url}/get_model_info`)).status).to.equal(200);
    // A draft chunk, up to the answer's box.
    const chat = await post<{ choices: { message: { content: string } }[] }>('/v1/chat/completions', {
      ...{ model: 'abacus-llama-0.4m', temperature: 0.8, max_tokens: 60, stop: ['\\boxed{'] },
      messages: [
        { role: 'system', content: 'You are a math expert.' },
        { role: 'user', content: text },
      ],
    });
    const chunk = chat.choices[0].message.content;
    expect(chunk).not.to.equal('').and.not.to.contain('\\boxed{');
    // Its perplexity: text and a position, one token written, the entry at the position left out.
    const start = target.tokenizer.encode(`${text}\n`).length;
    const { meta_info } = await post<Generated>('/generate', {
      ...{ text: `${text}\n${chunk}`, sampling_params: { temperature: 0, max_new_tokens: 1 } },
      ...{ return_logprob: true, logprob_start_len: start, top_logprobs_num: 1 },
    });
    const ids = target.tokenizer.encode(`${text}\n${chunk}`);
    const [prefix, rest] = [ids.slice(0, start + 1), ids.slice(start + 1)].map((some) => piece(target.tokenizer, some));
    const score = await target.score({ prefix, chunk: rest });
    expect(meta_info.input_token_logprobs?.slice(1).map(([logProb]) => logProb)).to.deep.equal(score.logProbs);
  });
});
