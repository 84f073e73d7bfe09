/**
 * Scores so many different tokens with one model that its KV cache is full, and tells the peak memory of the process, which
 * does nothing else. Usage: full-cache.js MODEL MEMORY
 */
import { openEngine } from '../../src/index.js';

export interface FullCache {
  /** Tokens that were scored, each in a place of its own. */
  readonly tokens: number;
  readonly peakMB: number;
}

/** Tokens a score: whole pages, and short enough that attention is little of the work. */
const length = 384;

const [model, memory] = process.argv.slice(2);
const engine = await openEngine(model, { memory: Number(memory) });
const { fingerprint } = engine.tokenizer;
const scores = Math.floor((engine.load?.cacheTokens ?? 0) / length);
await Promise.all(
  Array.from({ length: scores }, (_, k) => {
    // The first token differs, so that no page is shared.
    const ids = Array.from({ length }, (_, i) => 100 + k + ((i * 7919) % 5000));
    const [prefix, chunk] = [ids.slice(0, 1), ids.slice(1)].map((part) => ({ ids: part, text: '', fingerprint }));
    return engine.score({ prefix, chunk });
  }),
);
const outcome: FullCache = { tokens: scores * length, peakMB: (process.resourceUsage().maxRSS * 1024) / 1e6 };
process.stdout.write(`${JSON.stringify(outcome)}\n`);
process.exit(0);
