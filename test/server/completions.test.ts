import { expect } from 'chai';
import type { Completion } from '../../src/server/schemas/completions.js';
import { eventsOf, openServed, piece, type Served } from './served.js';

const url = '/v1/completions';
const text = 'Start with 5. Add 3. Double it. What is the result?';

describe('POST /v1/completions', () => {
  let served: Served;
  let prompt: readonly number[];
  before(async () => {
    served = await openServed();
    prompt = served.target.tokenizer.chat([{ role: 'user', content: text }]).ids;
  });
  after(() => served.close());

  const complete = async (body: object) => (await served.ask<Completion>(url, body)).body;
  const scoreOf = async (prefix: readonly number[], chunk: readonly number[]) => {
    const { target } = served;
    const request = { prefix: piece(target.tokenizer, prefix), chunk: piece(target.tokenizer, chunk) };
    return (await target.score(request)).logProbs;
  };

  it('echoes a prompt with exactly the log-probabilities that the engine scores it with', async () => {
    const ids = served.target.tokenizer.encode(text);
    const logProbs = await scoreOf(ids.slice(0, 1), ids.slice(1));
    for (const prompt of [text, ids]) {
      const { choices, usage } = await complete({ prompt, max_tokens: 0, echo: true, logprobs: 0 });
      expect(choices[0].text).to.equal(text);
      expect(choices[0].logprobs?.token_logprobs).to.deep.equal([null, ...logProbs]);
      expect(choices[0].logprobs?.tokens.join('')).to.equal(text);
      expect(choices[0].logprobs?.top_logprobs[0]).to.equal(null);
      expect(usage).to.include({ prompt_tokens: ids.length, completion_tokens: 0 });
    }
  });

  it('tells exactly the score of what it writes, and the most probable token as itself', async () => {
    const { choices } = await complete({
      ...{ prompt, max_tokens: 16, temperature: 0, echo: true, logprobs: 1, return_token_ids: true },
    });
    const [{ logprobs, token_ids: ids = [] }] = choices;
    const logProbs = await scoreOf(prompt, ids);
    expect(logprobs?.token_logprobs.slice(prompt.length)).to.deep.equal(logProbs);
    expect(logprobs?.top_logprobs).to.have.length(prompt.length + 16);
    // Greedy: no other token is more probable.
    const most = logprobs?.top_logprobs.slice(prompt.length).map((top) => Math.max(...Object.values(top ?? {})));
    expect(most).to.deep.equal(logProbs);
  });

  it('answers a batch of prompts as it answers each alone, in order, with any number of continuations', async () => {
    const prompts = [prompt, prompt.slice(3), [83, 116]];
    const settings = { max_tokens: 8, n: 2, seed: 5, temperature: 0.9, logprobs: 2, echo: true };
    const together = await complete({ prompt: prompts, ...settings });
    const alone = await Promise.all(prompts.map((prompt) => complete({ prompt, ...settings })));
    const content = ({ text, logprobs, finish_reason }: Completion['choices'][number]) => [
      text,
      logprobs,
      finish_reason,
    ];
    expect(together.choices.map(({ index }) => index)).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(together.choices.map(content)).to.deep.equal(alone.flatMap(({ choices }) => choices.map(content)));
  });

  it('draws other tokens without a seed, the same ones with it', async () => {
    const draw = async (seed?: number) =>
      (await complete({ prompt, max_tokens: 12, temperature: 3, seed })).choices[0].text;
    expect(await draw(1)).to.equal(await draw(1));
    expect(await draw()).not.to.equal(await draw());
  });

  it('ends before a stop string, or after it where that is asked for', async () => {
    const settings = { prompt, max_tokens: 24, temperature: 0 };
    const whole = (await complete(settings)).choices[0].text;
    const stop = whole.slice(6, 9);
    const [cut] = (await complete({ ...settings, stop: ['no such text', stop] })).choices;
    expect(cut).to.include({ finish_reason: 'stop', stop_reason: stop, text: whole.slice(0, whole.indexOf(stop)) });
    const [kept] = (await complete({ ...settings, stop, include_stop_str_in_output: true })).choices;
    expect(kept.text).to.satisfy((text: string) => whole.startsWith(text) && text.includes(stop));
  });

  it('streams the choices that it gives at once, log-probabilities and usage included', async () => {
    const settings = {
      prompt: [prompt, [83, 116]],
      max_tokens: 10,
      n: 2,
      seed: 9,
      logprobs: 1,
      echo: true,
      stop: [': '],
    };
    const whole = await complete(settings);
    const streamed = await served.app.inject({
      ...{ method: 'POST', url, payload: { ...settings, stream: true, stream_options: { include_usage: true } } },
    });
    expect(streamed.headers['content-type']).to.match(/^text\/event-stream/);
    const events = eventsOf<Completion>(streamed.body);
    expect(events.at(-1)).to.deep.include({ choices: [], usage: whole.usage });
    const joined = whole.choices.map(({ index }) => {
      const pieces = events.flatMap(({ choices }) => choices.filter((choice) => choice.index === index));
      return {
        text: pieces.map(({ text }) => text).join(''),
        logProbs: pieces.flatMap(({ logprobs }) => logprobs?.token_logprobs ?? []),
        offsets: pieces.flatMap(({ logprobs }) => logprobs?.text_offset ?? []),
        finish: pieces.at(-1)?.finish_reason,
      };
    });
    expect(joined).to.deep.equal(
      whole.choices.map(({ text, logprobs, finish_reason }) => ({
        ...{ text, logProbs: logprobs?.token_logprobs, offsets: logprobs?.text_offset, finish: finish_reason },
      })),
    );
  });

  it("tells a prompt's log-probabilities by id, as vLLM does", async () => {
    const { choices } = await complete({ prompt, max_tokens: 1, prompt_logprobs: 2 });
    const logProbs = await scoreOf(prompt.slice(0, 1), prompt.slice(1));
    const [first, ...rest] = choices[0].prompt_logprobs ?? [];
    expect(first).to.equal(null);
    expect(rest.map((entry, i) => entry?.[prompt[i + 1]].logprob)).to.deep.equal(logProbs);
    for (const entry of rest) expect(Object.keys(entry ?? {}).length).to.be.within(2, 3);
  });

  it('refuses what it cannot answer by the name of the parameter', async () => {
    for (const [body, message] of [
      [{ prompt: '' }, 'no tokens'],
      [{ prompt: [[1], []] }, 'prompt'],
      [{ prompt: [512] }, 'vocabulary'],
      [{ prompt: [512], stream: true }, 'vocabulary'],
      [{ prompt: Array(512).fill(40) }, 'too long'],
      [{ prompt: 'a'.repeat(100_000) }, 'too long'],
      [{ prompt, max_tokens: 0 }, 'max_tokens'],
      [{ prompt, logprobs: 21 }, 'logprobs'],
      [{ prompt, n: 129 }, 'n: '],
      [{ prompt, best_of: 2 }, 'best_of'],
      [{ prompt, presence_penalty: 0.5 }, 'presence_penalty'],
      [{ prompt, logit_bias: { 50: 1 } }, 'logit_bias.50'],
      [{ prompt, stop: Array(17).fill('a') }, 'stop'],
      [{ prompt, mirostat: 2, tools: [] }, 'mirostat, tools'],
    ] as const) {
      const { status, body: told } = await served.ask(url, body);
      expect(status, JSON.stringify(body).slice(0, 100)).to.equal(400);
      expect(told.error.message).to.contain(message);
    }
    const { status, body } = await served.ask(url, { prompt, model: 'gpt-5' });
    expect({ status, code: body.error.code }).to.deep.equal({ status: 404, code: 'model_not_found' });
  });

  it('ignores what changes nothing', async () => {
    const neutral = {
      user: 'me',
      metadata: {},
      presence_penalty: 0,
      logit_bias: {},
      top_k: -1,
      suffix: null,
      best_of: 1,
    };
    expect((await served.ask(url, { prompt, max_tokens: 1, ...neutral })).status).to.equal(200);
  });
});
