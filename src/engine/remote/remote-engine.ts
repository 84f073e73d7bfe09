import { createHash } from 'node:crypto';
import { AttsError } from '../../errors.js';
import type {
  Engine,
  GenerateRequest,
  Generation,
  ModelInfo,
  RandomKey,
  Score,
  ScoreRequest,
  Tokenizer,
  TokenLogProbs,
  TokenText,
} from '../engine.js';
import { philox, streamKey } from '../local/random.js';
import { Transient } from './failure.js';
import type { Exchange, Fleet } from './fleet.js';
import type { Ways } from './probe.js';
import type { Served, WriteJob, Written } from './protocol.js';
import type { ServerKind } from './spec.js';

/** Log-probabilities of rounded logits may end a little above 0. */
const roundingError = 1e-2;

export interface RemoteParts {
  readonly kind: ServerKind;
  readonly served: Served;
  /** Tokens. */
  readonly contextLength: number;
  readonly tokenizer: Tokenizer;
  readonly ways: Ways;
  readonly fleet: Fleet;
}

/**
 * A model on servers that others operate. Prefixes and chunks go there as ids where the server takes them, so that a
 * chain's tokens are the same on both sides; text is always that of the ids by the tokenizer here. How its numbers round
 * and what it draws for a seed is the server's: results repeat as far as it repeats them.
 */
export class RemoteEngine implements Engine {
  readonly model: ModelInfo;
  readonly tokenizer: Tokenizer;
  readonly ways: Ways;
  private readonly fleet: Fleet;

  constructor({ kind, served, contextLength, tokenizer, ways, fleet }: RemoteParts) {
    this.tokenizer = tokenizer;
    this.ways = ways;
    this.fleet = fleet;
    const { model, version, dtype } = served;
    this.model = {
      ...{ id: model, family: 'unknown', parameters: 0, dtype, fingerprint: tokenizer.fingerprint, contextLength },
      ...{ backend: kind, build: `${kind} ${version}`, hash: identityOf(kind, served) },
    };
  }

  async generate(request: GenerateRequest): Promise<Generation> {
    const { prefix, maxTokens, signal, stop = [], logProbs: wantsLogProbs = false, top = 0, onTokens } = request;
    this.check(prefix);
    if (maxTokens < 1) throw new AttsError('engine', 'generate: maxTokens must be at least 1');
    const room = this.model.contextLength - prefix.ids.length;
    if (room < 1) throw this.tooLong(prefix.ids.length + 1);
    const job: WriteJob = {
      ...{ prefix, maxTokens: Math.min(maxTokens, room) },
      ...{ stop, stopIds: this.tokenizer.stopIds, temperature: request.temperature, topP: request.topP ?? 1 },
      ...{ seed: seedAt(request.key, prefix.ids.length), logProbs: wantsLogProbs, top },
    };
    const queued = performance.now();
    const exchange = this.ways.write.exchange(job);
    const { value, started } = await this.fleet.call('generate', whole(exchange, job), { signal });
    const { ids, finish } = this.tokensOf(value, job);
    const chunk: TokenText = { ids, text: this.tokenizer.decode(ids), fingerprint: this.tokenizer.fingerprint };
    const logProbs = wantsLogProbs ? await this.logProbsOf(value, request, chunk) : null;
    onTokens?.(ids, logProbs ?? undefined);
    return {
      ...{ ...chunk, ...logProbs },
      finish: finish === 'length' && job.maxTokens < maxTokens ? 'context' : finish,
      usage: {
        ...{ prompt: prefix.ids.length, cached: Math.min(value.cached, prefix.ids.length) },
        ...{ generated: ids.length, scored: 0 },
      },
      timing: { queued, started, finished: performance.now() },
    };
  }

  async score({ prefix, chunk, top = 0, signal }: ScoreRequest): Promise<Score> {
    this.check(prefix);
    this.check(chunk);
    const { score: way, refusals } = this.ways;
    if (way === null) throw new AttsError('score', `${this.model.id} cannot score: ${refusals.join('; ')}`);
    if (prefix.ids.length === 0) throw new AttsError('score', 'score: the prefix is empty; give at least one token');
    if (chunk.ids.length === 0) throw new AttsError('score', 'score: the chunk is empty');
    const length = prefix.ids.length + chunk.ids.length;
    if (length > this.model.contextLength) throw this.tooLong(length);
    const queued = performance.now();
    const exchange = way.exchange({ prefix: prefix.ids, chunk: chunk.ids, top });
    const { value, started } = await this.fleet.call('score', finite(exchange, chunk.ids.length), { signal });
    const { logProbs, top: alternatives, cached } = value;
    return {
      logProbs,
      ...(alternatives ? { top: alternatives } : {}),
      usage: { prompt: prefix.ids.length, cached, generated: 0, scored: logProbs.length },
      timing: { queued, started, finished: performance.now() },
    };
  }

  async close(): Promise<void> {
    await this.fleet.close();
  }

  /** The ids of what was written, encoded here where the server tells only text, up to the first that ends it. */
  private tokensOf({ ids: told, text, finish }: Written, { stop }: WriteJob): Pick<Generation, 'ids' | 'finish'> {
    const { tokenizer } = this;
    const ids = told ?? tokenizer.encodeContinuation(text.replace(/\uFFFD+$/, ''));
    const ended = ids.findIndex((id) => tokenizer.stopIds.includes(id)) + 1;
    const completed = completedAt(tokenizer, ids, stop);
    if (completed > 0 && (ended === 0 || completed < ended)) {
      return { ids: ids.slice(0, completed), finish: 'stop-string' };
    }
    if (ended > 0) return { ids: ids.slice(0, ended), finish: 'stop-token' };
    if (told === null && finish === 'stop-token') return { ids: [...ids, ...tokenizer.stopIds.slice(0, 1)], finish };
    return { ids, finish };
  }

  /** As the server told them; those of tokens that were encoded here are the tokens' score. */
  private async logProbsOf(
    written: Written,
    { prefix, top, signal }: GenerateRequest,
    chunk: TokenText,
  ): Promise<TokenLogProbs> {
    const { ids, logProbs, top: alternatives } = written;
    if (ids === null || !logProbs) {
      const { logProbs, top: best } = await this.score({ prefix, chunk, top, signal });
      return { logProbs, ...(best ? { top: best } : {}) };
    }
    const count = chunk.ids.length;
    return { logProbs: logProbs.slice(0, count), ...(alternatives ? { top: alternatives.slice(0, count) } : {}) };
  }

  private check({ fingerprint }: TokenText): void {
    if (fingerprint !== this.tokenizer.fingerprint) {
      throw new AttsError('engine', `${this.model.id}: these token ids were made by another tokenizer`);
    }
  }

  private tooLong(length: number): AttsError {
    const { id, contextLength } = this.model;
    return new AttsError('length', `${length} tokens are over the context of ${id} (${contextLength})`);
  }
}

/**
 * Names the model in run.json: nobody can hash weights that lie elsewhere, but a server that serves another model, or
 * runs another release, is another one.
 */
function identityOf(kind: ServerKind, { model, tokenizers, version, dtype }: Served): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, model, tokenizers, version, dtype]))
    .digest('hex');
}

/** The seed of a generation that begins at a position of a stream, in 31 bits, which every server takes. */
export function seedAt(key: RandomKey, position: number): number {
  // Word 1 of the counter: draws of tokens have a 0 there.
  return philox([position, 1, 0, 0], streamKey(key))[0] >>> 1;
}

/** How many ids, from the first on, complete one of the strings; 0 where none is in their text. */
function completedAt(tokenizer: Tokenizer, ids: readonly number[], stop: readonly string[]): number {
  const holds = (count: number) => {
    const text = tokenizer.decode(ids.slice(0, count));
    return stop.some((string) => text.includes(string));
  };
  if (stop.length === 0 || !holds(ids.length)) return 0;
  // Text only grows with ids, so that the first count that holds one is found by halving.
  let [without, within] = [0, ids.length];
  while (within - without > 1) {
    const middle = (without + within) >> 1;
    if (holds(middle)) within = middle;
    else without = middle;
  }
  return within;
}

/** A generation has at least one token, and no more than were asked for. */
function whole(exchange: Exchange<Written>, { maxTokens }: WriteJob): Exchange<Written> {
  return {
    ...exchange,
    read(answer) {
      const written = exchange.read(answer);
      const count = written.ids?.length ?? 1;
      const isEmpty = written.ids === null ? written.text === '' && written.finish === 'length' : count === 0;
      if (isEmpty || count > maxTokens) {
        throw new Transient(
          'bad-answer',
          `it wrote ${isEmpty ? 0 : count} tokens where 1 to ${maxTokens} were asked for`,
        );
      }
      return written;
    },
  };
}

/** A score has a log-probability of every token. */
function finite<T extends TokenLogProbs>(exchange: Exchange<T>, count: number): Exchange<T> {
  return {
    ...exchange,
    read(answer) {
      const scored = exchange.read(answer);
      const { logProbs } = scored;
      if (
        logProbs.length !== count ||
        !logProbs.every((logProb) => Number.isFinite(logProb) && logProb <= roundingError)
      ) {
        throw new Transient('bad-answer', 'a log-probability is missing, not finite or above 0');
      }
      return scored;
    },
  };
}
