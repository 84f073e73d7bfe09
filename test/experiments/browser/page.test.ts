import { expect } from 'chai';
import { answer, configOf } from '../../../experiments/browser/answer.js';
import { choose } from '../../../experiments/browser/choose.js';
import { Progress } from '../../../experiments/browser/progress.js';
import { serveFolder } from '../../../experiments/browser/site.js';
import { factsOf, readyText, resultText } from '../../../experiments/browser/wording.js';
import { abacusFolder } from '../../../models/abacus/paths.js';
import {
  type AttsError,
  BANK_SCHEMA,
  type BankFile,
  type ChainRecord,
  type ModelCallEvent,
  openPair,
} from '../../../src/index.js';

const opened = {
  ...{ backend: 'simd', note: 'WebGPU found no adapter', build: 'simd tfjs-4', threads: 1 },
  models: { draft: { id: 'small', parameters: 1 }, target: { id: 'large', parameters: 2 } },
};

describe('the page in a browser', () => {
  it('shows the chains that it is told of token by token as they end up', async () => {
    const { draft, target, close } = await openPair({ ...configOf(), threads: 1 });
    const progress = new Progress(3);
    const events: ModelCallEvent[] = [];
    const ends: ChainRecord[] = [];
    try {
      const bank: BankFile = { schema: BANK_SCHEMA, provenance: {}, turns: [[0.001, 0.01, 0.1]] };
      const problem = 'Start with 9. Add 8. Double it. What is the result?';
      const ask = { problem, samples: 3, rejectionRate: 0.4, seed: 1 };
      await answer({ draft: draft!, target: target! }, bank, ask, {
        onWriting: (writing) => progress.write(writing),
        onEvent(event) {
          events.push(event);
          progress.take(event);
        },
        onChain(chain) {
          ends.push(chain);
          progress.end(chain);
        },
      });
    } finally {
      await close();
    }
    expect(ends).to.have.length(3);
    for (const { sample, chunks } of ends) {
      const shown = progress.chains[sample].chunks;
      expect(shown.map(({ author, tokens }) => ({ author, tokens }))).to.deep.equal(
        chunks.map(({ author, tokens }) => ({ author, tokens })),
      );
      expect(shown.map(({ text }) => text).join('')).to.equal(chunks.map(({ text }) => text).join(''));
      expect(shown.map(({ decision }) => decision?.rejected ?? false)).to.deep.equal(
        chunks.map(({ rejected }) => rejected),
      );
    }
    const sum = (kind: ModelCallEvent['kind']) =>
      events.filter((event) => event.kind === kind).reduce((total, { tokens }) => total + tokens, 0);
    const { totals } = progress;
    expect(totals).to.include({ draft: sum('draft'), target: sum('target'), scored: sum('score'), ended: 3 });
    expect(totals.decisions).to.equal(events.filter(({ kind }) => kind === 'score').length);
    expect(totals.rejections).to.equal(events.filter(({ rejected }) => rejected).length);
  });

  it('computes on WebGPU where there is an adapter, else on SIMD, and says why', async () => {
    const [some, none] = [{}, null].map((adapter) => ({ requestAdapter: async () => adapter as GPUAdapter | null }));
    expect(await choose('auto', some)).to.deep.equal({ backend: 'webgpu', note: null });
    expect(await choose('simd', some)).to.deep.equal({ backend: 'simd', note: null });
    for (const [gpu, note] of [
      [none, 'WebGPU found no adapter'],
      [undefined, 'this browser has no WebGPU'],
    ] as const) {
      expect(await choose('auto', gpu)).to.deep.equal({ backend: 'simd', note });
      const refused = await choose('webgpu', gpu).catch(({ message }: AttsError) => message);
      expect(refused).to.equal(`${note}; choose SIMD`);
    }
  });

  it('says what it computes on, what came out, and whether it is right', () => {
    expect(readyText(opened)).to.equal(
      'Ready: small drafts for large on simd, 1 thread (WebGPU found no adapter). Arithmetic: simd tfjs-4.',
    );
    expect(resultText('55', 4, 8, '55')).to.equal('4 of 8 chains answer 55, which is right.');
    expect(resultText('33', 4, 8, '55')).to.equal('4 of 8 chains answer 33; right is 55.');
    expect(resultText('33', 1, 1, undefined)).to.equal('1 of 1 chain answer 33.');
    expect(resultText(null, 0, 8, '55')).to.equal('No chain has an answer.');
    const none = factsOf(new Progress(2).totals, 0, 0.4, opened);
    expect(none['chunks rejected']).to.equal('–');
  });

  it('is served with the headers that shared memory needs, and nothing beside its folder is', async () => {
    const { url, server } = await serveFolder(abacusFolder);
    try {
      const found = await fetch(`${url}problems/test.jsonl`);
      expect(found.status).to.equal(200);
      expect(found.headers.get('cross-origin-opener-policy')).to.equal('same-origin');
      expect(found.headers.get('cross-origin-embedder-policy')).to.equal('require-corp');
      for (const path of [
        'nothing',
        'problems',
        '..%2f..%2fpackage.json',
        '%2e%2e/%2e%2e/package.json',
        '%ff',
        '..%5c..%5cpackage.json',
      ]) {
        expect((await fetch(url + path)).status, path).to.equal(404);
      }
      expect((await fetch(url, { method: 'POST' })).status).to.equal(404);
    } finally {
      server.close();
    }
  });
});
