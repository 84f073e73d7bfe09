/** Times every op on the simd backend against the machine's limits. */
import * as tf from '@tensorflow/tfjs-core';
import { chooseBackend, kernelBuild } from '../backends/choose.js';
import { simd } from '../backends/simd/index.js';
import { attentionCases } from '../ops/attention/bench.js';
import { embeddingCases } from '../ops/embedding/bench.js';
import { gatedMlpCases } from '../ops/gated-mlp/bench.js';
import { linearCase, linearCases } from '../ops/linear/bench.js';
import { rmsNormCases } from '../ops/rms-norm/bench.js';
import { ropeCases } from '../ops/rope/bench.js';
import { sampleCases } from '../ops/sample/bench.js';
import { tokenLogProbCases } from '../ops/token-log-prob/bench.js';
import { type BenchCase, type BenchResult, measure, medianTime, type Roofs } from './measure.js';
import { dispatchMicroseconds, measureRoofs } from './roofs.js';

export type { BenchResult, Roofs } from './measure.js';

/** Another implementation at the same work in the same run; ratio over 1: ours is better. */
export interface PeerResult {
  readonly peer: string;
  readonly version: string;
  readonly threads: number;
  readonly case: string;
  readonly ours: number;
  readonly theirs: number;
  readonly unit: string;
  readonly ratio: number;
}

export interface BenchReport {
  readonly build: string;
  readonly threads: number;
  readonly roofs: Roofs & { readonly dispatchMicroseconds: number };
  readonly results: readonly BenchResult[];
  readonly peers: readonly PeerResult[];
}

const suites: Readonly<Record<string, () => Generator<() => BenchCase>>> = {
  linear: linearCases,
  gatedMlp: gatedMlpCases,
  attention: attentionCases,
  tokenLogProb: tokenLogProbCases,
  rope: ropeCases,
  rmsNorm: rmsNormCases,
  embedding: embeddingCases,
  sample: sampleCases,
};

export const benchedOps: readonly string[] = Object.keys(suites);

export interface BenchOptions {
  /** Which of `benchedOps`; all unless given. */
  readonly ops?: readonly string[];
  readonly threads?: number | null;
  readonly onResult?: (result: BenchResult) => void;
}

export async function runBench({
  ops = benchedOps,
  threads = null,
  onResult,
}: BenchOptions = {}): Promise<BenchReport> {
  await chooseBackend('simd', threads);
  const roofs = { ...measureRoofs(), dispatchMicroseconds: dispatchMicroseconds() };
  const results: BenchResult[] = [];
  for (const op of ops) {
    for (const make of suites[op]()) {
      const bench = make();
      const result = measure(bench, roofs);
      bench.dispose();
      results.push(result);
      onResult?.(result);
    }
  }
  const peers = ops.includes('linear') ? await tfjsWasm() : [];
  return { build: kernelBuild('simd'), threads: simd().pool.threads, roofs, results, peers };
}

/** The float32 product of tfjs's own wasm backend, which has one thread here, as it has in Node. */
async function tfjsWasm(): Promise<PeerResult[]> {
  const peers: PeerResult[] = [];
  for (const M of [1, 64]) {
    const times = new Map<string, number>();
    for (const backend of ['simd', 'wasm'] as const) {
      await chooseBackend(backend);
      const bench = linearCase(M, 8192, 2048, 'f32');
      times.set(backend, medianTime(bench.run));
      bench.dispose();
    }
    const [ours, theirs] = [times.get('simd') as number, times.get('wasm') as number];
    peers.push({
      ...{ peer: '@tensorflow/tfjs-backend-wasm', version: tf.version_core, threads: 1 },
      ...{ case: `linear f32, ${M} rows, 2048 → 8192`, ours, theirs, unit: 'ms', ratio: theirs / ours },
    });
  }
  await chooseBackend('simd');
  return peers;
}
