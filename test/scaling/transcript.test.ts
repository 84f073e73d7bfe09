import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Generation, Tokenizer } from '../../src/engine/engine.js';
import { type Engine, openEngine, type ScoreRequest, scale } from '../../src/index.js';
import { Reading } from '../../src/scaling/transcripts/reading.js';
import { openTranscript } from '../../src/scaling/transcripts/transcript.js';
import { wholeCharacters } from '../../src/scaling/transcripts/translated.js';
import {
  abacus,
  abacusMetadata,
  anyText,
  byteLevelMetadata,
  fromMetadata,
  sentencePieceMetadata,
} from '../engine/tokenizer/fixtures.js';
import { contentOf, type EmbeddedPair, openEmbeddedPair, smallRun } from './embedded.js';

const tokenizers: Readonly<Record<string, Tokenizer>> = {
  'byte-level': fromMetadata(abacusMetadata()),
  'bytes alone': fromMetadata(byteLevelMetadata('gpt-2')),
  SentencePiece: fromMetadata(sentencePieceMetadata()),
};
/** SentencePiece keeps everything but its own mark. */
const text = anyText.map((some) => some.replaceAll('▁', '_'));

for (const [name, tokenizer] of Object.entries(tokenizers)) {
  describe(`a chain read by a ${name} tokenizer`, () => {
    const prompt = tokenizer.encode('Q');

    it('is exactly its text, and every character of a chunk is scored once', () => {
      const steps = fc.array(fc.record({ text, isOwn: fc.boolean() }), { maxLength: 8 });
      fc.assert(
        fc.property(steps, text, (written, chunk) => {
          const reading = new Reading(tokenizer, prompt);
          let chain = '';
          for (const { text: piece, isOwn } of written) {
            if (isOwn) reading.own(tokenizer.encodeContinuation(piece));
            else reading.foreign(piece);
            chain += piece;
          }
          expect(tokenizer.decode(reading.ids.slice(prompt.length))).to.equal(chain);
          const { before, ids } = reading.split(chunk);
          expect(tokenizer.decode([...before.slice(prompt.length), ...ids])).to.equal(chain + chunk);
          // The scored tokens reach back over the border by less than one token, and never begin after it.
          const scored = tokenizer.bytes(ids).length;
          const own = Buffer.byteLength(chunk);
          expect(scored).to.be.at.least(own);
          if (ids.length > 0) expect(scored - tokenizer.bytes(ids.slice(0, 1)).length).to.be.below(Math.max(own, 1));
        }),
      );
    });

    it('keeps the tokens of complete lines and of its own text, whatever follows', () => {
      fc.assert(
        fc.property(text, text, text, (own, line, next) => {
          const reading = new Reading(tokenizer, prompt);
          reading.own(tokenizer.encodeContinuation(own));
          reading.foreign(`${line}\nx`);
          const before = reading.ids;
          reading.foreign(next);
          const kept = before.slice(0, -tokenizer.encodeContinuation('x').length);
          expect(kept).to.deep.equal([
            ...prompt,
            ...tokenizer.encodeContinuation(own),
            ...tokenizer.encodeContinuation(`${line}\nx`).slice(0, -1),
          ]);
          expect(reading.ids.slice(0, kept.length)).to.deep.equal(kept);
        }),
      );
    });
  });
}

describe('a chunk of another tokenizer', () => {
  const [byteLevel, bytes] = [tokenizers['byte-level'], tokenizers['bytes alone']];

  it('takes a token that spans the border with it', () => {
    const merged = fromMetadata(byteLevelMetadata('gpt-2', ['a b']));
    const reading = new Reading(merged, []);
    reading.foreign('xa');
    expect(merged.decode(reading.split('b').before)).to.equal('x');
    expect(merged.decode(reading.split('b').ids)).to.equal('ab');
    expect(merged.decode(reading.split('c').before)).to.equal('xa');
  });

  it('goes back to its last whole character, and is left alone where there is none', () => {
    const ids = bytes.encode('é🙂');
    expect(Array.from(ids, (_, i) => wholeCharacters(bytes, ids.slice(0, i + 1)))).to.deep.equal([0, 2, 2, 2, 2, 6]);
    expect(wholeCharacters(bytes, [0x41, 0x80])).to.equal(2, 'bytes that can be no character are not waited for');
    fc.assert(
      fc.property(anyText, fc.nat(40), (some, length) => {
        const cut = bytes.encode(some).slice(0, length);
        const whole = cut.slice(0, wholeCharacters(bytes, cut));
        expect(some.startsWith(bytes.decode(whole))).to.equal(true);
        expect(cut.length - whole.length).to.be.below(4);
      }),
    );
  });

  it('passes between two models as text: both read the same chain', () => {
    const engine = (tokenizer: Tokenizer, contextLength = 10_000) =>
      ({ tokenizer, model: { id: 'm', fingerprint: tokenizer.fingerprint, contextLength } }) as Engine;
    const prompts = (a: Tokenizer, b: Tokenizer) => ({
      draft: { ids: a.encode('Q'), text: 'Q', fingerprint: a.fingerprint },
      target: { ids: b.encode('Q'), text: 'Q', fingerprint: b.fingerprint },
    });
    const chunks = fc.array(fc.tuple(anyText, fc.nat(30), fc.boolean()), { maxLength: 6 });
    fc.assert(
      fc.property(chunks, (written) => {
        const transcript = openTranscript(
          { draft: engine(bytes), target: engine(byteLevel) },
          prompts(bytes, byteLevel),
        );
        let recorded = '';
        for (const [some, length, isDraft] of written) {
          const author = isDraft ? 'draft' : 'target';
          const tokenizer = isDraft ? bytes : byteLevel;
          const ids = tokenizer.encodeContinuation(some).slice(0, length + 4);
          const generation = { ids, text: tokenizer.decode(ids), finish: 'length' } as unknown as Generation;
          const received = transcript.received(author, generation);
          const { prefix, chunk } = transcript.asScored(received)!;
          expect(byteLevel.decode([...prefix.ids, ...chunk.ids])).to.equal(`Q${recorded}${received.text}`);
          recorded += transcript.keep(author, received);
          expect(transcript.text).to.equal(recorded);
          expect(bytes.decode(transcript.prefix('draft').ids)).to.equal(`Q${recorded}`);
          expect(byteLevel.decode(transcript.prefix('target').ids)).to.equal(`Q${recorded}`);
        }
        expect(recorded.includes('\uFFFD')).to.equal(written.some(([some]) => some.includes('\uFFFD')));
      }),
    );
    const small = openTranscript({ draft: engine(bytes), target: engine(byteLevel, 4) }, prompts(bytes, byteLevel));
    const long = { ids: bytes.encode('abcdef'), text: 'abcdef', finish: 'length' } as unknown as Generation;
    expect(small.asScored(long)).to.equal(null, 'no room in the target');
  });
});

describe('a chain of one tokenizer that is cut within characters', () => {
  it('is recorded in whole characters, and the records together are its text', () => {
    const tokenizer = tokenizers['bytes alone'];
    const engine = { tokenizer, model: { fingerprint: tokenizer.fingerprint, contextLength: 1000 } } as Engine;
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 5 }), fc.nat(3), (some, length, lost) => {
        const ids = tokenizer.encode(some);
        ids.length = Math.max(0, ids.length - lost);
        const prompt = { ids: [0], text: '', fingerprint: tokenizer.fingerprint };
        const transcript = openTranscript({ draft: engine, target: null }, { draft: prompt });
        const texts: string[] = [];
        for (let at = 0; at < ids.length; at += length) {
          const piece = ids.slice(at, at + length);
          const generation = { ids: piece, text: tokenizer.decode(piece) } as unknown as Generation;
          expect(transcript.textWith(generation)).to.equal(tokenizer.decode(ids.slice(0, at + length)));
          texts.push(transcript.keep('draft', generation));
        }
        if (!some.includes('\uFFFD')) expect(texts.join('')).not.to.include('\uFFFD');
        texts.push(transcript.end());
        expect(texts.join('')).to.equal(tokenizer.decode(ids)).and.to.equal(transcript.text);
      }),
    );
  });
});

describe('a pair with two tokenizers', () => {
  let folder: string;
  let pair: EmbeddedPair;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'atts-pair-'));
    cpSync(abacus, folder, { recursive: true });
    // The draft's own ids mean what they did; what others write it spells with fewer merges.
    const path = join(folder, 'tokenizer.json');
    const json = JSON.parse(readFileSync(path, 'utf8'));
    json.model.merges = json.model.merges.slice(0, 150);
    writeFileSync(path, JSON.stringify(json));
    const embedded = await openEmbeddedPair(3, 6);
    await embedded.draft.close();
    pair = { ...embedded, draft: await openEngine(folder) };
  });
  after(async () => {
    await pair.draft.close();
    await pair.target.close();
    rmSync(folder, { recursive: true });
  });

  for (const policy of ['replace', 'continue'] as const) {
    it(`writes chains to their end under ${policy}, in any schedule the same ones, and scores each chunk's text`, async () => {
      const { tokenizer } = pair.target;
      const requests: ScoreRequest[] = [];
      const target: Engine = {
        ...{ model: pair.target.model, tokenizer, close: async () => {} },
        generate: (request) => pair.target.generate(request),
        score: (request) => {
          requests.push(request);
          return pair.target.score(request);
        },
      };
      const config = smallRun({ policy, samples: 2, calibration: 'marginal', calibrationProblems: 6 });
      const { chains, events, summary } = await scale({ config, ...pair, target });
      expect(summary.chains).to.deep.include({ finished: 6, failed: 0 });
      if (policy === 'replace') expect(chains.some(({ correct }) => correct)).to.equal(true);
      expect(chains.some(({ chunks }) => chunks.some(({ author }) => author === 'target'))).to.equal(true);
      expect(events.some(({ rejected }) => rejected === true)).to.equal(true);
      for (const { prefix, chunk } of requests) {
        const begin = tokenizer.decode([...prefix.ids, ...chunk.ids]);
        expect(begin.endsWith(chunk.text)).to.equal(true);
        expect(prefix.text.endsWith(begin.slice(0, begin.length - chunk.text.length).slice(-10))).to.equal(true);
      }
      const synchronous = await scale({ config: { ...config, schedule: 'sync', concurrency: 2 }, ...pair });
      expect(contentOf(synchronous.chains)).to.deep.equal(contentOf(chains));
    });
  }
});
