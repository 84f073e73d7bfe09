import type { Engine, TokenText } from '../engine/engine.js';
import { promptTokens, scorePromptTokens, someTokens } from './prompts.js';

/** Times one call. Where prompts are computed, each is new, so that nothing is found in the cache. */
export class EngineTimer {
  private readonly engine: Engine;
  private readonly vocabSize: number;
  private calls = 0;
  /** Those that decodes go on from, by length: computed once. */
  private readonly begun = new Map<number, TokenText[]>();

  /** @param vocabSize ids of the prompts are below it */
  constructor(engine: Engine, vocabSize = 49_000) {
    this.engine = engine;
    this.vocabSize = vocabSize;
  }

  /** Milliseconds to the first token of a prompt. */
  async prefill(tokens: number): Promise<number> {
    const prefix = this.prompt(tokens);
    const started = performance.now();
    await this.generate(prefix, 1);
    return performance.now() - started;
  }

  /** Milliseconds to score so many tokens after a prompt that is in the cache. */
  async score(tokens: number, cached = scorePromptTokens): Promise<number> {
    const prefix = this.prompt(cached);
    await this.generate(prefix, 1);
    const chunk = this.prompt(tokens);
    const started = performance.now();
    await this.engine.score({ prefix, chunk });
    return performance.now() - started;
  }

  /** Milliseconds a step in which each of `chains` sequences writes a token, after prompts of so many. */
  async decode(chains: number, tokens: number, cached = promptTokens): Promise<number> {
    const begun = this.begun.get(cached) ?? [];
    this.begun.set(cached, begun);
    while (begun.length < chains) begun.push(this.prompt(cached));
    const prefixes = begun.slice(0, chains);
    await Promise.all(prefixes.map((prefix) => this.generate(prefix, 1)));
    const started = performance.now();
    await Promise.all(prefixes.map((prefix) => this.generate(prefix, tokens)));
    return (performance.now() - started) / tokens;
  }

  /** Ids of the most probable tokens, one after another. */
  async write(prompt: readonly number[], tokens: number): Promise<readonly number[]> {
    return (await this.generate(this.textOf(prompt), tokens)).ids;
  }

  private generate(prefix: TokenText, maxTokens: number) {
    const key = { seed: 0, problem: '', sample: 0, role: 'bench' };
    // A real model may want to end its turn before.
    return this.engine.generate({ prefix, maxTokens, minTokens: maxTokens, temperature: 0, key });
  }

  private prompt(count: number): TokenText {
    this.calls++;
    return this.textOf(someTokens(count, this.calls, this.vocabSize));
  }

  private textOf(ids: readonly number[]): TokenText {
    return { ids, text: '', fingerprint: this.engine.model.fingerprint };
  }
}
