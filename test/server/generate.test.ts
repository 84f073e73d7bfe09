import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Completion } from '../../src/server/schemas/completions.js';
import type { Generated } from '../../src/server/schemas/generate.js';
import { eventsOf, openServed, piece, type Served } from './served.js';

const url = '/generate';
const text = 'Start with 5. Add 3. Double it. What is the result?';

describe("POST /generate, SGLang's protocol", () => {
  let served: Served;
  before(async () => {
    served = await openServed();
  });
  after(() => served.close());

  it('scores from a token on: the first has no log-probability, the others exactly those of the engine', async () => {
    const { target } = served;
    const ids = target.tokenizer.encode(text);
    for (const start of [0, 7, ids.length - 2, ids.length - 1]) {
      for (const max_new_tokens of [0, 1]) {
        const { status, body } = await served.ask<Generated>(url, {
          ...{ input_ids: ids, return_logprob: true, logprob_start_len: start },
          sampling_params: { max_new_tokens, temperature: 0 },
        });
        expect(status).to.equal(200);
        const entries = body.meta_info.input_token_logprobs ?? [];
        expect(entries.map(([, id]) => id)).to.deep.equal(ids.slice(start));
        expect(entries[0]).to.deep.equal([null, ids[start], null]);
        expect(body.meta_info).to.include({ prompt_tokens: ids.length, completion_tokens: max_new_tokens });
        expect(body.output_ids).to.have.length(max_new_tokens);
        if (start + 1 === ids.length) continue;
        const [prefix, chunk] = [ids.slice(0, start + 1), ids.slice(start + 1)].map((some) =>
          piece(target.tokenizer, some),
        );
        const score = await target.score({ prefix, chunk });
        expect(entries.slice(1).map(([logProb]) => logProb)).to.deep.equal(score.logProbs);
      }
    }
  });

  it('writes what /v1/completions writes with the same seed, and tells why it ended', async () => {
    const sampling_params = { max_new_tokens: 40, temperature: 0.9, top_p: 0.95, sampling_seed: 3, stop: ['Step 2'] };
    const { body } = await served.ask<Generated>(url, {
      text,
      sampling_params,
      return_logprob: true,
      return_text_in_logprobs: true,
    });
    const completion = await served.ask<Completion>('/v1/completions', {
      ...{
        prompt: text,
        max_tokens: 40,
        temperature: 0.9,
        top_p: 0.95,
        seed: 3,
        stop: ['Step 2'],
        return_token_ids: true,
      },
      logprobs: 0,
    });
    const [choice] = completion.body.choices;
    expect(body.text).to.equal(choice.text);
    expect(body.output_ids).to.deep.equal(choice.token_ids);
    const output = body.meta_info.output_token_logprobs ?? [];
    expect(output.map(([logProb]) => logProb)).to.deep.equal(choice.logprobs?.token_logprobs);
    expect(output.map(([, , label]) => label)).to.deep.equal(choice.logprobs?.tokens);
    // Without a start it tells of the prompt's last token alone.
    expect(body.meta_info.input_token_logprobs).to.have.length(1);
    const reason = body.meta_info.finish_reason;
    expect(reason?.type).to.equal(choice.finish_reason);
    if (reason?.type === 'stop') expect(reason.matched).to.equal(choice.stop_reason);
    const { body: short } = await served.ask<Generated>(url, { text, sampling_params: { max_new_tokens: 2 } });
    expect(short.meta_info.finish_reason).to.deep.equal({ type: 'length', length: 2 });
  });

  it('answers a list with a list, each prompt with its own settings', async () => {
    const { status, body } = await served.ask<Generated[]>(url, {
      text: [text, 'Step 1: '],
      sampling_params: [
        { max_new_tokens: 3, temperature: 0 },
        { max_new_tokens: 5, n: 2, sampling_seed: 1 },
      ],
      return_logprob: [true, false],
      logprob_start_len: [2, -1],
      top_logprobs_num: [3, 0],
    });
    expect(status).to.equal(200);
    expect(body.map(({ output_ids }) => output_ids.length <= 5)).to.deep.equal([true, true, true]);
    expect(body[0].meta_info.input_top_logprobs?.[0]).to.equal(null);
    for (const top of body[0].meta_info.output_top_logprobs ?? []) expect(top).to.have.length(3);
    expect(body[1].meta_info).not.to.have.property('input_token_logprobs');
  });

  it('streams all that there is so far, event by event, up to the whole answer', async () => {
    const sampling_params = { max_new_tokens: 30, temperature: 0.9, sampling_seed: 3, stop: ['+'], n: 2 };
    for (const more of [{ n: 1 }, { n: 2 }]) {
      const body = {
        text,
        sampling_params: { ...sampling_params, ...more },
        return_logprob: true,
        top_logprobs_num: 1,
      };
      const { body: told } = await served.ask<Generated | Generated[]>(url, body);
      const whole = [told].flat();
      const { payload } = await served.app.inject({ method: 'POST', url, payload: { ...body, stream: true } });
      const events = eventsOf<Generated & { index?: number }>(payload);
      for (const [index, { text, output_ids, meta_info }] of whole.entries()) {
        const own = events.filter((event) => more.n === 1 || event.index === index);
        const last = own.pop();
        expect(new Set(own.map(({ meta_info }) => meta_info.id))).to.deep.equal(new Set([last?.meta_info.id]));
        for (const [i, { output_ids: ids, text: begun, meta_info: meta }] of own.entries()) {
          expect(ids).to.deep.equal(output_ids.slice(0, i + 1));
          expect(text.startsWith(begun)).to.equal(true);
          expect(meta).to.deep.include({ finish_reason: null, completion_tokens: i + 1 });
          expect(meta).not.to.have.any.keys('input_token_logprobs', 'output_token_logprobs');
        }
        expect(own).to.have.length(output_ids.length);
        const { id, e2e_latency, cached_tokens, ...rest } = last?.meta_info ?? meta_info;
        expect(last).to.deep.include({ text, output_ids });
        expect(meta_info).to.deep.include(rest);
      }
      if (more.n === 1) expect(events[0]).not.to.have.property('index');
    }
  });

  it('streams no more than the last event to a client that does not read', async () => {
    const sampling_params = { max_new_tokens: 100, temperature: 100, sampling_seed: 1, n: 8 };
    const payload = { text, stream: true, sampling_params };
    const response = await served.app.inject({ method: 'POST', url, payload, payloadAsStream: true });
    while ((served.target.load?.running ?? 0) > 0) await sleep(5);
    let received = '';
    for await (const data of response.stream()) received += data;
    const events = eventsOf<Generated>(received);
    const whole = events.filter(({ meta_info }) => meta_info.finish_reason !== null);
    expect(whole).to.have.length(8);
    const written = whole.reduce((sum, { output_ids }) => sum + output_ids.length, 0);
    expect(events.length).to.be.below(written / 2);
  });

  it('refuses what it cannot answer by the name of the parameter', async () => {
    for (const [body, message] of [
      [{}, 'give text or input_ids'],
      [{ text, input_ids: [1] }, 'not both'],
      [{ text, return_logprob: true, logprob_start_len: 400 }, 'logprob_start_len'],
      [{ text: ['a', 'b'], return_logprob: [true] }, 'return_logprob'],
      [{ text, sampling_params: { regex: 'a+' } }, 'sampling_params.regex'],
      [{ text, sampling_params: { top_k: 5 } }, 'top_k'],
      [{ text, stream: 'yes' }, 'stream'],
      [{ input_ids: [1, 512] }, 'vocabulary'],
      [{ input_ids: [] }, 'input_ids'],
      [{ text: '' }, 'no tokens'],
    ] as const) {
      const { status, body: told } = await served.ask(url, body);
      expect(status, JSON.stringify(body)).to.equal(400);
      expect(told.error.message).to.contain(message);
    }
  });
});
