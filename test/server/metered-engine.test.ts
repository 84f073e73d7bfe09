import { expect } from 'chai';
import { type Engine, type GenerateRequest, openEngine, promptMessages } from '../../src/index.js';
import { MeteredEngine } from '../../src/server/metered-engine.js';
import { Metrics } from '../../src/server/metrics.js';

describe('an engine behind the server', () => {
  let engine: Engine;
  before(async () => {
    engine = await openEngine('abacus-qwen3-2m');
  });
  after(() => engine.close());

  it('tells of tokens and log-probabilities also where the one beneath tells of neither', async () => {
    const silent: Engine = {
      ...{ model: engine.model, tokenizer: engine.tokenizer, close: async () => {} },
      score: (request) => engine.score(request),
      generate: ({ onTokens, logProbs, top, ...request }) => engine.generate(request),
    };
    const prefix = engine.tokenizer.chat(promptMessages({ id: '', problem: 'Start with 5. Add 3.', answer: '' }));
    const key = { seed: 1, problem: '', sample: 0, role: '' };
    const answers = await Promise.all(
      [engine, silent].map(async (beneath) => {
        const heard = { ids: [] as number[], logProbs: [] as number[] };
        const onTokens: GenerateRequest['onTokens'] = (ids, told) => {
          heard.ids.push(...ids);
          heard.logProbs.push(...(told?.logProbs ?? []));
        };
        const request = { prefix, maxTokens: 10, temperature: 0.8, key, logProbs: true, top: 1, onTokens };
        const { ids, text, logProbs, top } = await new MeteredEngine(beneath, new Metrics()).generate(request);
        return { heard, written: { ids, text, logProbs, top } };
      }),
    );
    expect(answers[1]).to.deep.equal(answers[0]);
    expect(answers[1].heard).to.deep.equal({ ids: answers[1].written.ids, logProbs: answers[1].written.logProbs });
  });
});
