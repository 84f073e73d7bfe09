import { expect } from 'chai';
import OpenAI from 'openai';
import { type ChatMessage, type ListeningServer, listen, promptMessages, runConfigSchema } from '../../src/index.js';
import type { Chat } from '../../src/server/schemas/chat.js';
import { openServed, piece, type Served } from './served.js';

const url = '/v1/chat/completions';
const problem = 'Start with 5. Add 3. Double it. What is the result?';
const messages = promptMessages({ id: '', problem, answer: '' }) as { role: 'user'; content: string }[];

describe('POST /v1/chat/completions', () => {
  let served: Served;
  let server: ListeningServer;
  let client: OpenAI;
  before(async () => {
    served = await openServed({ apiKey: 'a key' });
    const { target, draft } = served;
    const method = { config: runConfigSchema.parse({ policy: 'replace', samples: 3 }), bank: null };
    server = await listen({ engines: { target, draft }, method, apiKey: 'a key', host: '127.0.0.1', port: 0 });
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'a key', maxRetries: 0 });
  });
  after(async () => {
    await server.stop(5);
    await served.close();
  });

  describe("with OpenAI's own client", () => {
    it('answers with the tokens and log-probabilities that the engine generates', async () => {
      const answer = await client.chat.completions.create({
        ...{ model: 'abacus-qwen3-2m', messages, temperature: 0, max_tokens: 20, logprobs: true, top_logprobs: 2 },
      });
      const { target } = served;
      const prefix = target.tokenizer.chat(messages);
      const key = { seed: 0, problem: '', sample: 0, role: '' };
      const own = await target.generate({ prefix, maxTokens: 20, temperature: 0, key });
      const { logProbs } = await target.score({ prefix, chunk: piece(target.tokenizer, own.ids) });
      const [{ message, logprobs, finish_reason }] = answer.choices;
      expect({ content: message.content, finish_reason }).to.deep.equal({ content: own.text, finish_reason: 'length' });
      expect(logprobs?.content?.map(({ logprob }) => logprob)).to.deep.equal(logProbs);
      const texts = logprobs?.content?.map(({ bytes }) => Buffer.from(bytes ?? []).toString());
      expect(texts?.join('')).to.equal(own.text);
      for (const token of logprobs?.content ?? []) {
        expect(Math.max(...token.top_logprobs.map(({ logprob }) => logprob))).to.equal(token.logprob);
      }
      expect(answer.usage).to.include({ prompt_tokens: prefix.ids.length, completion_tokens: 20 });
    });

    it('streams the same text, in choices of their own', async () => {
      const request = { model: 'abacus-qwen3-2m', messages, temperature: 0.9, max_tokens: 16, seed: 2, n: 2 };
      const whole = await client.chat.completions.create(request);
      const texts = ['', ''];
      const ends: (string | null)[] = [];
      for await (const { choices } of await client.chat.completions.create({ ...request, stream: true })) {
        for (const { index, delta, finish_reason } of choices) {
          texts[index] += delta.content ?? '';
          ends[index] = finish_reason;
        }
      }
      expect(texts).to.deep.equal(whole.choices.map(({ message }) => message.content));
      expect(ends).to.deep.equal(whole.choices.map(({ finish_reason }) => finish_reason));
    });

    it('lists the models, completes texts, and tells errors as the errors that they are', async () => {
      const models = (await client.models.list()).data.map(({ id }) => id);
      expect(models).to.deep.equal(['abacus-qwen3-2m', 'abacus-llama-0.4m', 'atts']);
      const request = { model: 'abacus-llama-0.4m', prompt: [83, 116], max_tokens: 2 };
      expect((await client.completions.create(request)).usage?.completion_tokens).to.be.within(1, 2);
      const failure = async (promise: Promise<unknown>) =>
        promise.then(
          () => expect.fail('expected an error'),
          (error: InstanceType<typeof OpenAI.APIError>) => error,
        );
      const missing = await failure(client.chat.completions.create({ model: 'gpt-5', messages }));
      expect(missing).to.be.instanceOf(OpenAI.NotFoundError);
      expect(missing.code).to.equal('model_not_found');
      const refused = await failure(client.chat.completions.create({ model: 'atts', messages, presence_penalty: 1 }));
      expect(refused).to.be.instanceOf(OpenAI.BadRequestError);
      expect(refused.param).to.equal('presence_penalty');
      const stranger = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'another', maxRetries: 0 });
      expect(await failure(stranger.models.list())).to.be.instanceOf(OpenAI.AuthenticationError);
    });
  });

  const ask = async (body: object) => {
    const headers = { authorization: 'Bearer a key' };
    const response = await served.app.inject({ method: 'POST', url, payload: body, headers });
    return { status: response.statusCode, body: response.json<Chat & { error: { message: string } }>() };
  };

  it("goes on with the assistant's last message token by token", async () => {
    const settings = { messages, temperature: 0, max_tokens: 30, return_token_ids: true };
    const { body: whole } = await ask(settings);
    const begun = served.target.tokenizer.decode(whole.choices[0].token_ids?.slice(0, 12) ?? []);
    const assistant: ChatMessage = { role: 'assistant', content: begun };
    const { body: rest } = await ask({
      ...{ ...settings, messages: [...messages, assistant], max_tokens: 18 },
      ...{ continue_final_message: true, add_generation_prompt: false },
    });
    expect(begun + rest.choices[0].message.content).to.equal(whole.choices[0].message.content);
  });

  it('refuses messages that make no prompt', async () => {
    for (const [body, message] of [
      [{ messages: [] }, 'messages'],
      [{ messages: Array(1_000_000).fill(1) }, 'messages'],
      [{ messages: [{ role: 'tool', content: 'a' }] }, 'messages.0.role'],
      [{ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] }, 'messages.0.content'],
      [{ messages, continue_final_message: true }, "not the assistant's"],
      [{ messages, add_generation_prompt: false }, 'add_generation_prompt'],
      [{ messages, tools: [{}] }, 'tools'],
      [{ messages, response_format: { type: 'json_object' } }, 'response_format.type'],
      [{ messages, top_logprobs: 2 }, 'top_logprobs needs logprobs'],
      [{ messages, atts: {} }, 'atts is for the model atts'],
      [{ messages: [{ role: 'user', content: 'a'.repeat(12_000) }] }, 'too long'],
    ] as const) {
      const { status, body: told } = await ask(body);
      expect(status, JSON.stringify(body).slice(0, 100)).to.equal(400);
      expect(told.error.message).to.contain(message);
    }
  });

  describe('model atts', () => {
    const lone = [{ role: 'user', content: problem }];

    it('answers with the majority of its chains, and shows them where it is asked to', async () => {
      const { body } = await ask({ model: 'atts', messages: lone, seed: 1, atts: { samples: 5, chains: true } });
      const { atts, choices } = body;
      expect(choices[0].message.content).to.equal(atts?.answer);
      expect(atts?.chains).to.have.length(5);
      const answers = atts?.chains?.map(({ answer }) => answer) ?? [];
      expect(atts?.votes).to.equal(answers.filter((answer) => answer === atts?.answer).length);
      const scored = atts?.chains?.flatMap(({ chunks }) => chunks.filter(({ score }) => score !== null)) ?? [];
      expect(atts?.decisions).to.equal(scored.length);
      expect(atts?.rejected).to.equal(scored.filter(({ rejected }) => rejected).length);
      const metrics = (await served.app.inject({ url: '/metrics', headers: { authorization: 'Bearer a key' } })).body;
      const counted = [...metrics.matchAll(/^atts_decisions_total\{.*\} (\d+)$/gm)].map(([, count]) => Number(count));
      expect(counted.reduce((a, b) => a + b, 0)).to.equal(scored.length);
    });

    it('asks a lone problem in the words of a run, and takes any other chat as it stands', async () => {
      const settings = { model: 'atts', seed: 2, atts: { samples: 1, turns: 1 } };
      const [wrapped, same] = await Promise.all([lone, messages].map((asked) => ask({ ...settings, messages: asked })));
      // The prompt of a run is the system's message and the instruction around the problem.
      expect(wrapped.body.usage?.prompt_tokens).to.equal(same.body.usage?.prompt_tokens);
    });

    it('streams its answer, which OpenAI’s client reads', async () => {
      const { body } = await ask({ model: 'atts', messages: lone, seed: 1, atts: { samples: 1 } });
      let text = '';
      const request = {
        model: 'atts',
        messages: lone as { role: 'user'; content: string }[],
        seed: 1,
        stream: true as const,
      };
      for await (const { choices } of await client.chat.completions.create({
        ...request,
        atts: { samples: 1 },
      } as typeof request)) {
        text += choices[0]?.delta.content ?? '';
      }
      expect(text).to.equal(body.choices[0].message.content);
    });

    it('refuses what a method of many chains cannot do', async () => {
      for (const more of [{ n: 2 }, { logprobs: true }, { max_tokens: 5 }, { stop: ['a'] }]) {
        const { status, body } = await ask({ model: 'atts', messages: lone, ...more });
        expect(status).to.equal(400);
        expect(body.error.message).to.contain(Object.keys(more)[0]);
      }
    });
  });
});
