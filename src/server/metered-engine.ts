import type {
  Engine,
  EngineLoad,
  GenerateRequest,
  Generation,
  ModelInfo,
  Score,
  ScoreRequest,
  Tokenizer,
  TokenLogProbs,
  Usage,
} from '../engine/engine.js';
import { AttsError } from '../errors.js';
import type { Metrics } from './metrics.js';

/**
 * An engine whose calls are counted, and which tells of tokens and their log-probabilities where the one beneath does not.
 * One that has failed is not well until a call succeeds.
 */
export class MeteredEngine implements Engine {
  readonly model: ModelInfo;
  readonly tokenizer: Tokenizer;
  private readonly engine: Engine;
  private readonly metrics: Metrics;
  isWell = true;

  constructor(engine: Engine, metrics: Metrics) {
    this.engine = engine;
    this.model = engine.model;
    this.tokenizer = engine.tokenizer;
    this.metrics = metrics;
  }

  get load(): EngineLoad | undefined {
    return this.engine.load;
  }

  async generate(request: GenerateRequest): Promise<Generation> {
    const { metrics } = this;
    const model = this.model.id;
    const from = performance.now();
    let told = 0;
    const generation = await this.counted(
      this.engine.generate({
        ...request,
        onTokens(ids, logProbs) {
          if (told === 0) metrics.firstToken.observe({ model }, (performance.now() - from) / 1000);
          told += ids.length;
          request.onTokens?.(ids, logProbs);
        },
      }),
    );
    const { ids } = generation;
    const judged = request.logProbs ? await this.judged(generation, request) : generation;
    // An engine on a server may tell of no token before the last.
    if (told < ids.length) request.onTokens?.(ids.slice(told), logProbsFrom(judged, told));
    return judged;
  }

  async score(request: ScoreRequest): Promise<Score> {
    return this.counted(this.engine.score(request));
  }

  close(): Promise<void> {
    return this.engine.close();
  }

  /** The generation with its log-probabilities, by a score where the engine tells none. */
  private async judged(generation: Generation, { prefix, top, signal }: GenerateRequest): Promise<Generation> {
    if (generation.logProbs) return generation;
    const { logProbs, top: found } = await this.score({ prefix, chunk: generation, top, signal });
    return { ...generation, logProbs, ...(found ? { top: found } : {}) };
  }

  private async counted<T extends { readonly usage: Usage }>(call: Promise<T>): Promise<T> {
    try {
      const result = await call;
      this.isWell = true;
      this.metrics.used(this.model.id, result.usage);
      return result;
    } catch (error) {
      // What a request is to blame for has been refused before, and an interruption is no failure.
      if (!(error instanceof AttsError) || error.code === 'engine') this.isWell = false;
      throw error;
    }
  }
}

function logProbsFrom({ logProbs, top }: Generation, from: number): TokenLogProbs | undefined {
  return logProbs && { logProbs: logProbs.slice(from), ...(top ? { top: top.slice(from) } : {}) };
}
