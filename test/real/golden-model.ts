/**
 * Scores the texts of one golden file with one model and prints how far the log-probabilities are from it: one process a
 * model, so that its peak memory is its own. Usage: golden-model.js MODEL GOLDEN DTYPE
 */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { KvCache } from '../../kernels/ops/attention/index.js';
import type { WeightDtype } from '../../kernels/ops/linear/index.js';
import { tokenLogProb } from '../../kernels/ops/token-log-prob/index.js';
import { toFloat32 } from '../../kernels/tfjs.js';
import { openCheckpoint, resolveModel } from '../../models/checkpoint/open.js';
import { Decoder } from '../../models/decoder.js';

interface GoldenText {
  readonly name: string;
  readonly bos: readonly number[];
  readonly ids: readonly number[];
  /** Null for a first token without anything before it. */
  readonly logprobs: readonly (number | null)[];
}

export interface GoldenOutcome {
  readonly tokens: number;
  readonly mean: number;
  readonly max: number;
  /** Ours over the golden's, over all texts. */
  readonly perplexityRatio: number;
  readonly loadSeconds: number;
  readonly peakMB: number;
}

const [model, golden, dtype] = process.argv.slice(2);
const { texts } = JSON.parse(readFileSync(golden, 'utf8')) as { texts: GoldenText[] };
await chooseBackend('simd');
const started = performance.now();
const checkpoint = openCheckpoint(resolveModel(model));
const decoder = Decoder.load(checkpoint, dtype as WeightDtype | 'auto');
checkpoint.close();
const loadSeconds = (performance.now() - started) / 1000;
let [tokens, sum, max, difference] = [0, 0, 0, 0];
for (const { bos, ids, logprobs } of texts) {
  const all = [...bos, ...ids];
  const wanted = logprobs.slice(all.length === ids.length ? 1 : 0) as number[];
  const ours = score(all);
  for (const [i, value] of ours.entries()) {
    const error = Math.abs(value - wanted[i]);
    sum += error;
    max = Math.max(max, error);
    difference += wanted[i] - value;
  }
  tokens += ours.length;
}
const peakMB = (process.resourceUsage().maxRSS * 1024) / 1e6;
const outcome: GoldenOutcome = {
  ...{ tokens, mean: sum / tokens, max, perplexityRatio: Math.exp(difference / tokens), loadSeconds, peakMB },
};
process.stdout.write(`${JSON.stringify(outcome)}\n`);
process.exit(0);

/** Log-probabilities of every token but the first. */
function score(ids: readonly number[]): Float32Array {
  const T = ids.length;
  const cache = new KvCache(decoder.cacheShape(Math.ceil(T / 32), 32));
  const positions = Int32Array.from({ length: T }, (_, t) => t);
  const pages = Int32Array.from({ length: cache.shape.pages }, (_, page) => page);
  const rows = { positions, slots: positions, tables: new Int32Array(T), pages };
  const hidden = decoder.forward(Int32Array.from(ids), rows, cache);
  const asking = tf.slice(hidden, [0, 0], [T - 1, decoder.config.hiddenSize]);
  const found = tokenLogProb(asking, decoder.head, Int32Array.from(ids.slice(1)));
  const values = toFloat32(found);
  for (const tensor of [hidden, asking, found]) tensor.dispose();
  cache.dispose();
  return values;
}
