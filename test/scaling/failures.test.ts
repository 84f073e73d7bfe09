import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AttsError, buildBanks, type Engine, readRun, type ScoreRequest, scale } from '../../src/index.js';
import { contentOf, pairOfBlock, smallRun } from './embedded.js';

/** The target with another way of scoring. */
function withScore(target: Engine, score: Engine['score']): Engine {
  return {
    model: target.model,
    tokenizer: target.tokenizer,
    generate: (request) => target.generate(request),
    score,
    close: () => target.close(),
  };
}

describe('no silent acceptance', () => {
  const pair = pairOfBlock(3, 12);
  const config = smallRun({ calibration: 'marginal', samples: 2, turns: 4 });
  /** Whether a score request is about the second problem. */
  const isSecond = ({ prefix }: ScoreRequest) => prefix.text.includes(pair.dataset.problems[1].problem);

  for (const [what, bad] of [
    [
      'is NaN',
      async (request: ScoreRequest, good: Engine) => ({ ...(await good.score(request)), logProbs: [Number.NaN] }),
    ],
    [
      'misses a token',
      async (request: ScoreRequest, good: Engine) => {
        const score = await good.score(request);
        return { ...score, logProbs: score.logProbs.slice(1) };
      },
    ],
    [
      'fails',
      async () => {
        throw new AttsError('score', 'the server hung up');
      },
    ],
    [
      'is refused',
      async () => {
        throw new AttsError('usage', 'the server answers 400: it does not like this text');
      },
    ],
  ] as const) {
    for (const schedule of ['async', 'sync'] as const) {
      it(`a score that ${what} fails its chain with the cause, and the ${schedule} run goes on`, async () => {
        const target = withScore(pair.target, (request) =>
          isSecond(request) ? bad(request, pair.target) : pair.target.score(request),
        );
        const { chains, summary } = await scale({ config: { ...config, schedule }, ...pair, target });
        const hurt = chains.filter(({ problem }) => problem === pair.dataset.problems[1].id);
        expect(hurt.map(({ status }) => status)).to.deep.equal(['failed', 'failed']);
        for (const chain of hurt) {
          expect(chain.error).to.be.a('string').and.not.equal('');
          expect(chain.correct).to.equal(false);
          expect(chain.chunks).to.deep.equal([], 'an unscored chunk was kept');
        }
        expect(summary.chains).to.include({ finished: 4, failed: 2 });
      });
    }
  }

  it('a score that fails once is tried again and changes nothing', async () => {
    const tried = new Set<string>();
    const flaky = withScore(pair.target, (request) => {
      const call = JSON.stringify([request.prefix.ids, request.chunk.ids]);
      if (tried.has(call)) return pair.target.score(request);
      tried.add(call);
      throw new AttsError('score', 'try again');
    });
    const untroubled = await scale({ config, ...pair });
    const troubled = await scale({ config, ...pair, target: flaky });
    expect(contentOf(troubled.chains)).to.deep.equal(contentOf(untroubled.chains));
  });
});

describe('a device that is gone', () => {
  const pair = pairOfBlock(3, 12);

  it('ends the run in its one line; the same run goes on from there, to the end of an unbroken one', async () => {
    const out = mkdtempSync(join(tmpdir(), 'atts-device-'));
    const config = smallRun({ calibration: 'marginal', samples: 2, turns: 4, concurrency: 2 });
    const bank = await buildBanks({ config, ...pair, dataset: pair.calibrationDataset });
    let left = 10;
    const dying = withScore(pair.target, async (request) => {
      if (left-- > 0) return pair.target.score(request);
      throw new AttsError('device', 'the GPU was lost');
    });
    try {
      const broken = await scale({ config, ...pair, bank, out, target: dying }).catch((cause: AttsError) => cause);
      expect(broken).to.include({ code: 'device', message: 'the GPU was lost' });
      const { chains } = readRun(out);
      expect(chains.every(({ status }) => status === 'finished')).to.equal(true);
      expect(chains.length).to.be.within(1, 5);
      const resumed = await scale({ config, ...pair, bank, out });
      expect(contentOf(resumed.chains)).to.deep.equal(contentOf((await scale({ config, ...pair, bank })).chains));
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});

describe('the chain', () => {
  const pair = pairOfBlock(3, 12);

  for (const policy of ['replace', 'continue'] as const) {
    it(`continues token-exactly: every call's prefix is the prompt and the kept ids, under ${policy}`, async () => {
      const seen: { ids: readonly number[]; text: string }[] = [];
      const watch = (engine: Engine): Engine => ({
        ...withScore(engine, (request) => {
          seen.push(request.prefix);
          return engine.score(request);
        }),
        generate: (request) => {
          seen.push(request.prefix);
          return engine.generate(request);
        },
      });
      const config = smallRun({ policy, cue: 'Wait,', calibration: 'marginal', samples: 2, concurrency: 1 });
      const bank = { schema: 'atts.bank/1' as const, provenance: {}, turns: [[1e-9, 1e-9, 1e-9, 1e-3, 1e-3]] };
      const watched = { ...pair, draft: watch(pair.draft), target: watch(pair.target) };
      const { chains } = await scale({ config, ...watched, bank });
      for (const { problem, chunks } of chains) {
        const kept = chunks.filter(({ rejected }) => policy === 'continue' || !rejected).flatMap(({ ids }) => ids);
        const own = pair.dataset.problems.find(({ id }) => id === problem)!.problem;
        for (const prefix of seen.filter(({ text }) => text.includes(own))) {
          const marker = [510, 358, 10]; // <|im_start|>assistant\n
          const start =
            prefix.ids.findIndex((_, i) => marker.every((id, j) => prefix.ids[i + j] === id)) + marker.length;
          const continued = prefix.ids.slice(start);
          const matches = chains
            .filter((chain) => chain.problem === problem)
            .some((chain) => {
              const all = chain.chunks
                .filter(({ rejected }) => policy === 'continue' || !rejected)
                .flatMap(({ ids }) => ids);
              return continued.every((id, i) => id === all[i]);
            });
          expect(matches, `a prefix of problem ${problem}`).to.equal(true);
        }
        expect(kept.length).to.be.greaterThan(0);
      }
      const cues = chains.flatMap(({ chunks }) => chunks.filter(({ author }) => author === 'cue'));
      if (policy === 'replace') expect(cues).to.deep.equal([]);
      else {
        expect(cues.length).to.be.greaterThan(0);
        for (const cue of cues) {
          expect(cue.text.trim()).to.equal('Wait,');
          expect(cue.score).to.equal(null);
        }
      }
    });
  }

  it('replace drops a rejected chunk from the text, and scores the chunk that holds the answer', async () => {
    const bank = { schema: 'atts.bank/1' as const, provenance: {}, turns: [[1e-9, 1e-9, 1e-9]] };
    const config = smallRun({ calibration: 'marginal', turns: 15, samples: 1 });
    const { chains } = await scale({ config, ...pair, bank });
    for (const { chunks, answer } of chains) {
      expect(
        chunks.filter(({ author }) => author === 'draft').every(({ rejected, score }) => rejected && score !== null),
      ).to.equal(true);
      expect(answer).not.to.equal(null);
    }
  });

  it('continue ends at a draft answer without a score, unless answers are to be verified', async () => {
    const bank = { schema: 'atts.bank/1' as const, provenance: {}, turns: [[1e9, 1e9, 1e9]] };
    const run = (verifyAnswers: boolean | null) =>
      scale({
        config: smallRun({ policy: 'continue', calibration: 'marginal', turns: 15, samples: 1, verifyAnswers }),
        ...pair,
        bank,
      });
    const plain = await run(null);
    const verified = await run(true);
    expect(plain.chains.every(({ chunks }) => chunks.at(-1)!.score === null)).to.equal(true);
    expect(verified.chains.every(({ chunks }) => chunks.at(-1)!.score !== null)).to.equal(true);
  });

  it('paragraph chunks end at the first blank line', async () => {
    const { chains } = await scale({
      config: smallRun({ chunk: 'paragraph', calibration: 'marginal', samples: 2 }),
      ...pair,
    });
    for (const chunk of chains.flatMap(({ chunks }) => chunks)) {
      expect(chunk.text.slice(0, -2)).not.to.contain('\n\n');
    }
  });
});
