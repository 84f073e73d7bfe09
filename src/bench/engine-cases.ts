/** Whole models through the local engine: what a chain costs, scheduling, cache and sampling included. */
import type { BackendChoice } from '../../kernels/backends/choose.js';
import type { WeightDtype } from '../../kernels/ops/linear/index.js';
import type { Engine, Tokenizer, TokenText } from '../engine/engine.js';
import { Device } from '../engine/local/device.js';
import { LocalEngine } from '../engine/local/local-engine.js';
import { promptTokens, someTokens } from './prompts.js';
import { randomCheckpoint, smolLm2Shape } from './random-checkpoint.js';

/** The engine on random weights needs ids alone. */
const noTokenizer: Tokenizer = {
  ...{ fingerprint: 'none', stopIds: [], bosId: null, encode: () => [], encodeContinuation: () => [] },
  ...{ bytes: () => new Uint8Array(0), decode: () => '' },
  chat: () => ({ ids: [], text: '', fingerprint: 'none' }),
};

export async function openRandomEngine(
  dtype: WeightDtype,
  threads: number,
  backend: BackendChoice = 'simd',
): Promise<Engine> {
  const device = await Device.open(backend, threads);
  const checkpoint = randomCheckpoint('smollm2-135m-shape', smolLm2Shape);
  return device.use(() => new LocalEngine(checkpoint, noTokenizer, device, { dtype, memory: 512 }));
}

/** Times one call; every call has a prompt of its own, so that nothing is found in the cache. */
export class EngineTimer {
  private readonly engine: Engine;
  private calls = 0;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Milliseconds to the first token of a prompt. */
  async prefill(tokens: number): Promise<number> {
    const prefix = this.prompt(tokens);
    const started = performance.now();
    await this.generate(prefix, 1);
    return performance.now() - started;
  }

  /** Milliseconds to score so many tokens after a prompt of one page that is in the cache. */
  async score(tokens: number): Promise<number> {
    const prefix = this.prompt(16);
    await this.generate(prefix, 1);
    const chunk = this.prompt(tokens);
    const started = performance.now();
    await this.engine.score({ prefix, chunk });
    return performance.now() - started;
  }

  /** Milliseconds a step in which each of `chains` sequences writes a token. */
  async decode(chains: number, tokens: number): Promise<number> {
    const prefixes = Array.from({ length: chains }, () => this.prompt(promptTokens));
    await Promise.all(prefixes.map((prefix) => this.generate(prefix, 1)));
    const started = performance.now();
    await Promise.all(prefixes.map((prefix) => this.generate(prefix, tokens)));
    return (performance.now() - started) / tokens;
  }

  private generate(prefix: TokenText, maxTokens: number) {
    const key = { seed: 0, problem: '', sample: 0, role: 'bench' };
    return this.engine.generate({ prefix, maxTokens, temperature: 0, key });
  }

  private prompt(count: number): TokenText {
    this.calls++;
    return { ids: someTokens(count, this.calls), text: '', fingerprint: 'none' };
  }
}
