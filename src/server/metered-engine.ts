import type {
  Engine,
  EngineLoad,
  GenerateRequest,
  Generation,
  ModelInfo,
  Score,
  ScoreRequest,
  Tokenizer,
  Usage,
} from '../engine/engine.js';
import { AttsError } from '../errors.js';
import type { Metrics } from './metrics.js';

/** An engine whose calls are counted. One that has failed is not well until a call succeeds. */
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
    let hasBegun = false;
    return this.counted(
      this.engine.generate({
        ...request,
        onTokens(ids, logProbs) {
          if (!hasBegun) metrics.firstToken.observe({ model }, (performance.now() - from) / 1000);
          hasBegun = true;
          request.onTokens?.(ids, logProbs);
        },
      }),
    );
  }

  async score(request: ScoreRequest): Promise<Score> {
    return this.counted(this.engine.score(request));
  }

  close(): Promise<void> {
    return this.engine.close();
  }

  private async counted<T extends { readonly usage: Usage }>(call: Promise<T>): Promise<T> {
    try {
      const result = await call;
      this.isWell = true;
      this.metrics.used(this.model.id, result.usage);
      return result;
    } catch (error) {
      // What a request is to blame for has been refused before, and an interruption is no failure.
      if (!(error instanceof AttsError) || ['engine', 'device'].includes(error.code)) this.isWell = false;
      throw error;
    }
  }
}
