import { embeddedCheckpoints } from '../../../models/checkpoint/open.js';
import type { Engine, GenerateRequest, Tokenizer } from '../../../src/engine/engine.js';
import { streamKey, uniformAt } from '../../../src/engine/local/random.js';
import { seedAt } from '../../../src/engine/remote/remote-engine.js';
import { openTokenizer } from '../../../src/engine/tokenizer/index.js';

const usage = { prompt: 0, cached: 0, generated: 0, scored: 0 };
const timing = () => ({ queued: performance.now(), started: performance.now(), finished: performance.now() });

/** An engine whose model costs nothing: the next token depends on the one before it and on the position. */
export async function fakeEngine(name: string, salt: number): Promise<Engine> {
  const tokenizer = await openTokenizer(embeddedCheckpoints()[0].folder);
  return new FakeEngine(name, salt, tokenizer);
}

class FakeEngine implements Engine {
  readonly model: Engine['model'];
  readonly tokenizer: Tokenizer;
  private readonly salt: number;
  private readonly words: readonly number[];

  constructor(id: string, salt: number, tokenizer: Tokenizer) {
    this.salt = salt;
    this.tokenizer = tokenizer;
    this.words = [...new Set(tokenizer.encode('a bc d1 + 23 = 4,. xy'))];
    const { fingerprint } = tokenizer;
    this.model = {
      ...{ id, family: 'fake', parameters: 0, dtype: 'f32', fingerprint, contextLength: 512 },
      ...{ backend: 'fake', build: 'fake', hash: id },
    };
  }

  async generate({ prefix, maxTokens, temperature, key, signal }: GenerateRequest) {
    signal?.throwIfAborted();
    const ids: number[] = [];
    for (let last = prefix.ids.at(-1) as number; ids.length < maxTokens; ) {
      const position = prefix.ids.length + ids.length;
      const probabilities = this.probabilitiesAfter(last, position);
      const draw = uniformAt(streamKey(key), position);
      const drawn = temperature === 0 ? mostProbable(probabilities) : drawnBy(draw, probabilities);
      last = this.words[drawn];
      ids.push(last);
    }
    const { fingerprint } = this.tokenizer;
    const text = this.tokenizer.decode(ids);
    return { ids, text, fingerprint, finish: 'length' as const, usage, timing: timing() };
  }

  async score({ prefix, chunk }: Parameters<Engine['score']>[0]) {
    const all = [...prefix.ids, ...chunk.ids];
    const logProbs = chunk.ids.map((id, i) => {
      const position = prefix.ids.length + i;
      const word = this.words.indexOf(id);
      return word < 0 ? -20 : Math.log(this.probabilitiesAfter(all[position - 1], position)[word]);
    });
    return { logProbs, usage, timing: timing() };
  }

  async close() {}

  private probabilitiesAfter(last: number, position: number): number[] {
    const weights = this.words.map((_, i) => 1 + (mixed(last, position, i, this.salt) % 50));
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / total);
  }
}

/** Numbers stirred to one that looks random. */
function mixed(...numbers: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const number of numbers) hash = Math.imul(hash ^ number ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

const mostProbable = (probabilities: readonly number[]) => probabilities.indexOf(Math.max(...probabilities));

function drawnBy(draw: number, probabilities: readonly number[]): number {
  let below = 0;
  for (const [word, probability] of probabilities.entries()) {
    below += probability;
    if (draw < below) return word;
  }
  return probabilities.length - 1;
}

/** The engine as a client of a double sees it: only a seed of its random numbers passes through. */
export function throughSeeds(engine: Engine): Engine {
  return {
    ...{ model: engine.model, tokenizer: engine.tokenizer },
    score: (request) => engine.score(request),
    close: () => engine.close(),
    generate(request) {
      const seed = seedAt(request.key, request.prefix.ids.length);
      return engine.generate({ ...request, key: { seed, problem: 'double', sample: 0, role: 'double' } });
    },
  };
}
