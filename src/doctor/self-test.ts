import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BackendName } from '../../kernels/backends/names.js';
import { abacusFolder } from '../../models/abacus/paths.js';
import { openEngine } from '../engine/open.js';

/** Nats that a log-probability may be off. */
export const tolerance = 1e-3;

export interface SelfTest {
  /** Backend, kernels and libraries. */
  readonly build: string;
  /** Log-probabilities that were compared. */
  readonly tokens: number;
  /** Nats. */
  readonly largestError: number;
}

const model = 'abacus-qwen3-2m';
const tokens = 8;

interface Golden {
  readonly promptIds: readonly number[];
  readonly chunkIds: readonly number[];
  readonly chunkLogprobs: readonly number[];
}

/**
 * Scores a text with an embedded model and compares its log-probabilities with those of an independent implementation.
 * @throws AttsError `engine` where the backend does not start, saying what is missing
 */
export async function selfTest(backend: BackendName): Promise<SelfTest> {
  const { models } = JSON.parse(readFileSync(join(abacusFolder, 'goldens.json'), 'utf8')) as {
    models: Record<string, Golden[]>;
  };
  const { promptIds, chunkIds, chunkLogprobs } = models[model].reduce((a, b) =>
    a.promptIds.length <= b.promptIds.length ? a : b,
  );
  const engine = await openEngine(model, { backend, dtype: 'f32', memory: 64 });
  try {
    const { build, fingerprint } = engine.model;
    const text = (ids: readonly number[]) => ({ ids: [...ids], text: '', fingerprint });
    const { logProbs } = await engine.score({ prefix: text(promptIds), chunk: text(chunkIds.slice(0, tokens)) });
    const errors = logProbs.map((logProb, i) => Math.abs(logProb - chunkLogprobs[i]));
    return { build, tokens, largestError: Math.max(...errors) };
  } finally {
    await engine.close();
  }
}
