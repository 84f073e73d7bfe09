import type { Alternative, GenerateRequest, ScoreRequest, TokenLogProbs } from '../engine.js';
import { type StreamKey, streamKey } from './random.js';

interface Settled<Result> {
  resolve(result: Result): void;
  reject(error: Error): void;
}

/** What a finished sequence hands back. */
export interface SequenceResult {
  readonly generated: number[];
  readonly finish: 'length' | 'stop-token' | 'stop-string' | 'context';
}

/** One request on its way through the engine: its tokens, how many of them are computed, and the pages that hold them. */
export class Sequence implements Settled<SequenceResult> {
  readonly kind: 'generate' | 'score';
  readonly ids: number[];
  readonly promptLength: number;
  readonly maxTokens: number;
  readonly minTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly stop: readonly string[];
  readonly key: StreamKey;
  readonly signal: AbortSignal | undefined;
  readonly queued = performance.now();
  readonly resolve: (result: SequenceResult) => void;
  readonly reject: (error: Error) => void;
  readonly result: Promise<SequenceResult>;

  started = Number.NaN;
  finished = Number.NaN;
  /** Tokens that it may come to. */
  longest = 0;
  pages: number[] = [];
  /** Tokens whose keys and values are in `pages`. */
  numComputed = 0;
  /** Prefix tokens found in the cache when the request first ran. */
  numCachedTokens = 0;
  /** Whether log-probabilities of its tokens are asked for; a score's always are. */
  readonly wantsLogProbs: boolean;
  /** Of the tokens after the prompt. */
  readonly logProbs: number[] = [];
  /** Alternatives asked for at each place, and those found. */
  readonly numTop: number;
  readonly top: (readonly Alternative[])[] = [];
  readonly onTokens: GenerateRequest['onTokens'];

  private constructor(kind: 'generate' | 'score', request: GenerateRequest | ScoreRequest) {
    this.kind = kind;
    this.promptLength = request.prefix.ids.length;
    this.signal = request.signal;
    this.wantsLogProbs = 'chunk' in request || (request.logProbs ?? false);
    this.numTop = this.wantsLogProbs ? (request.top ?? 0) : 0;
    this.onTokens = 'chunk' in request ? undefined : request.onTokens;
    if ('chunk' in request) {
      this.ids = [...request.prefix.ids, ...request.chunk.ids];
      this.maxTokens = 0;
      this.minTokens = 0;
      this.temperature = 1;
      this.topP = 1;
      this.stop = [];
      this.key = [0, 0];
    } else {
      this.ids = [...request.prefix.ids];
      this.maxTokens = request.maxTokens;
      this.minTokens = request.minTokens ?? 0;
      this.temperature = request.temperature;
      this.topP = request.topP ?? 1;
      this.stop = request.stop ?? [];
      this.key = streamKey(request.key);
    }
    let settle!: Settled<SequenceResult>;
    this.result = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    this.resolve = settle.resolve;
    this.reject = settle.reject;
  }

  static generate(request: GenerateRequest): Sequence {
    return new Sequence('generate', request);
  }

  static score(request: ScoreRequest): Sequence {
    return new Sequence('score', request);
  }

  /** Tokens that must go through the model: a score needs no row for its last token, whose successor nobody asks for. */
  get numToCompute(): number {
    return (this.kind === 'score' ? this.ids.length - 1 : this.ids.length) - this.numComputed;
  }

  get numGenerated(): number {
    return this.ids.length - this.promptLength;
  }

  /** How much of it may come from the cache: the row whose successor is wanted has to be computed. */
  get cacheLimit(): number {
    return this.kind === 'score' ? this.promptLength - 1 : this.ids.length - 1;
  }

  /** Log-probabilities from a place after the prompt on, as far as they were asked for. */
  logProbsFrom(place: number): TokenLogProbs | undefined {
    if (!this.wantsLogProbs) return undefined;
    return { logProbs: this.logProbs.slice(place), ...(this.numTop > 0 ? { top: this.top.slice(place) } : {}) };
  }

  get isPrefill(): boolean {
    return this.numToCompute > 1;
  }
}
