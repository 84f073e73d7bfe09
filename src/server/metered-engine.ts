import type {
  Engine,
  EngineLoad,
  GenerateRequest,
  Generation,
  ModelInfo,
  Score,
  ScoreRequest,
  Tokenizer,
} from '../engine/engine.js';
import type { Metrics } from './metrics.js';

/** An engine whose calls are counted. */
export class MeteredEngine implements Engine {
  readonly model: ModelInfo;
  readonly tokenizer: Tokenizer;
  private readonly engine: Engine;
  private readonly metrics: Metrics;

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
    let isFirst = true;
    const generation = await this.engine.generate({
      ...request,
      onTokens(ids, logProbs) {
        if (isFirst) metrics.firstToken.observe({ model }, (performance.now() - from) / 1000);
        isFirst = false;
        request.onTokens?.(ids, logProbs);
      },
    });
    metrics.used(model, generation.usage);
    return generation;
  }

  async score(request: ScoreRequest): Promise<Score> {
    const score = await this.engine.score(request);
    this.metrics.used(this.model.id, score.usage);
    return score;
  }

  close(): Promise<void> {
    return this.engine.close();
  }
}
