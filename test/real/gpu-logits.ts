/**
 * Logits of a real checkpoint on the webgpu backend, beside those of the CPU kernels in float32, and its
 * log-probabilities beside an independent float32 implementation's: a table, and exit code 1 where either is off by more
 * than 1e-3. Usage: gpu-logits.js MODEL GOLDEN (see the Makefile)
 */
import { existsSync, readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { KvCache } from '../../kernels/ops/attention/index.js';
import type { WeightDtype } from '../../kernels/ops/linear/index.js';
import { takeRows } from '../../kernels/ops/take-rows/index.js';
import { logits, tokenLogProb } from '../../kernels/ops/token-log-prob/index.js';
import { readAll } from '../../kernels/tfjs.js';
import { openCheckpoint, resolveModel } from '../../models/checkpoint/open.js';
import { Decoder } from '../../models/decoder.js';
import { table } from '../../src/cli/format.js';

const bound = 1e-3;
/** Rows at the end of the text of which all logits are compared. */
const compared = 8;

interface Golden {
  readonly texts: readonly {
    readonly bos: readonly number[];
    readonly ids: readonly number[];
    readonly logprobs: readonly (number | null)[];
  }[];
}

const [model, golden] = process.argv.slice(2);
for (const path of [model, golden]) {
  if (existsSync(path)) continue;
  process.stderr.write(`gpu-logits: ${path} does not exist; give MODELS=folder of .gguf files and GOLDENS=folder\n`);
  process.exit(1);
}
const { texts } = JSON.parse(readFileSync(golden, 'utf8')) as Golden;
const { bos, ids, logprobs } = texts.reduce((a, b) => (b.ids.length < a.ids.length ? b : a));
const all = Int32Array.from([...bos, ...ids]);
const wanted = logprobs.slice(bos.length > 0 ? 0 : 1) as number[];

async function run(backend: 'simd' | 'webgpu', dtype: WeightDtype | 'auto') {
  await chooseBackend(backend);
  const checkpoint = openCheckpoint(resolveModel(model));
  const decoder = Decoder.load(checkpoint, dtype);
  checkpoint.close();
  const T = all.length;
  const cache = new KvCache(decoder.cacheShape(Math.ceil(T / 32), 32));
  const range = (n: number, first = 0) => Int32Array.from({ length: n }, (_, i) => first + i);
  const rows = { positions: range(T), slots: range(T), tables: new Int32Array(T), pages: range(cache.shape.pages) };
  const made = tf.tidy(() => {
    const hidden = decoder.forward(all, rows, cache);
    return [
      logits(takeRows(hidden, range(compared, T - compared)), decoder.head),
      tokenLogProb(takeRows(hidden, range(T - 1)), decoder.head, all.slice(1)),
    ];
  });
  const [found, logProbs] = await readAll(made);
  tf.dispose(made);
  cache.dispose();
  decoder.dispose();
  return { found, logProbs };
}

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let largest = 0;
  for (let i = 0; i < b.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
};

const reference = await run('simd', 'f32');
const rows = [['backend', 'weights', 'logits against simd f32', 'log-probabilities against the golden']];
const shown = (value: number) => value.toExponential(1);
rows.push(['simd', 'f32', '', shown(largestDifference(reference.logProbs, wanted))]);
let isWithin = true;
for (const dtype of ['f32', 'auto'] as const) {
  const { found, logProbs } = await run('webgpu', dtype);
  const [ofLogits, ofLogProbs] = [largestDifference(found, reference.found), largestDifference(logProbs, wanted)];
  isWithin &&= ofLogits <= bound && ofLogProbs <= bound;
  rows.push(['webgpu', dtype === 'auto' ? 'as stored' : dtype, shown(ofLogits), shown(ofLogProbs)]);
}
process.stdout.write(`${table(rows)}\n`);
if (!isWithin) process.stderr.write('gpu-logits: off by more than 1e-3\n');
process.exit(isWithin ? 0 : 1);
