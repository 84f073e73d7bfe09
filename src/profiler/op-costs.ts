/** What every op of a model's passes cost, layer by layer, from their dimensions and how weights are kept. All pure. */
import { addCosts, type Cost } from '../../kernels/cost.js';
import type { PassOp } from '../../kernels/op-clock.js';
import { attentionCost } from '../../kernels/ops/attention/cost.js';
import { embeddingCost } from '../../kernels/ops/embedding/cost.js';
import { gatedMlpCost } from '../../kernels/ops/gated-mlp/cost.js';
import { linearCost } from '../../kernels/ops/linear/cost.js';
import { rmsNormCost } from '../../kernels/ops/rms-norm/cost.js';
import { ropeAppendCost } from '../../kernels/ops/rope/cost.js';
import { sampleCost } from '../../kernels/ops/sample/cost.js';
import { tokenLogProbCost } from '../../kernels/ops/token-log-prob/cost.js';
import type { KeptMatrices, KeptWeights } from '../../models/inspect.js';
import type { PassRows } from '../engine/pass-record.js';
import { type ModelShape, seenTokens } from './pass-cost.js';

/** A model by what decides the cost of its ops. */
export interface ModelOps {
  readonly shape: ModelShape;
  readonly weights: KeptWeights;
  readonly cacheDtype: 'f32' | 'bf16';
}

/** What was in some passes, all together: every cost is linear in these. */
export interface PassCounts {
  passes: number;
  rows: number;
  /** Cached tokens that rows attend to, themselves included. */
  seen: number;
  /** Distinct cached tokens of each sequence and pass. */
  read: number;
  sampled: number;
  scored: number;
  /** Passes with rows that are sampled from. */
  sampling: number;
  /** Passes with rows that are scored. */
  scoring: number;
}

export function noPasses(): PassCounts {
  return { passes: 0, rows: 0, seen: 0, read: 0, sampled: 0, scored: 0, sampling: 0, scoring: 0 };
}

/** Adds a pass to the counts, in place: this runs after every pass of a profiled run. */
export function countPass(counts: PassCounts, pass: PassRows): void {
  const { sampled, scored } = pass;
  const { tokens, seen, read } = seenTokens(pass);
  counts.passes++;
  counts.sampled += sampled;
  counts.scored += scored;
  if (sampled > 0) counts.sampling++;
  if (scored > 0) counts.scoring++;
  counts.rows += tokens;
  counts.seen += seen;
  counts.read += read;
}

export interface OpCost extends Cost {
  readonly op: PassOp;
  /** Null for ops around the layers. */
  readonly layer: number | null;
  /** Dimensions of the op, rows left out. */
  readonly shape: string;
  /** How its weights are kept, or the cache that it writes or reads. */
  readonly dtype: string;
  /** Passes that ran it. */
  readonly passes: number;
}

/**
 * Every op that the passes ran. The norm before a product is part of it. Left out, as in `passCosts`, are norms of heads,
 * norms behind a product and biases, thousandths of the whole; sliding windows are taken for full attention.
 */
export function opCosts({ shape, weights, cacheDtype }: ModelOps, counts: PassCounts): OpCost[] {
  const { hiddenSize: d, intermediateSize: f, heads, kvHeads, headDim, vocabSize: V } = shape;
  const { passes, rows: T, seen, read, sampled, scored, sampling, scoring } = counts;
  const cacheBytes = cacheDtype === 'f32' ? 4 : 2;
  const [q, qkv] = [heads * headDim, (heads + 2 * kvHeads) * headDim];
  const norm = inPasses(rmsNormCost(T, d), passes);
  const product = (N: number, K: number, { bytes }: KeptMatrices, times = passes, M = T) =>
    inPasses(linearCost(M, N, K, bytes / (N * K)), times);
  const ofHeads = `${heads}/${kvHeads} heads of ${headDim}`;
  const rope = ropeAppendCost(shape, T, cacheBytes);
  const attention = attentionCost(shape, T, seen, read, cacheBytes);
  const around = (op: PassOp, of: string, dtype: string, times: number, cost: Cost): OpCost[] =>
    times > 0 ? [{ op, layer: null, shape: of, dtype, passes: times, ...cost }] : [];
  const { embedding, head, layers } = weights;
  const logProbs = inPasses(tokenLogProbCost(scored, V, d, head.bytes / (V * d)), scoring);
  return [
    ...around('embedding', `${V} × ${d}`, embedding.dtype, passes, embeddingCost(T, d, embedding.bytes / (V * d))),
    ...(passes === 0 ? [] : layers).flatMap(({ qkv: own, output, mlp }, layer): OpCost[] => [
      {
        ...{ op: 'qkv', layer, shape: `${d} → ${qkv}`, dtype: own.dtype, passes },
        ...addCosts([norm, product(qkv, d, own)]),
      },
      { op: 'rope', layer, shape: ofHeads, dtype: cacheDtype, passes, ...rope },
      { op: 'attention', layer, shape: ofHeads, dtype: cacheDtype, passes, ...attention },
      { op: 'output', layer, shape: `${q} → ${d}`, dtype: output.dtype, passes, ...product(d, q, output) },
      {
        ...{ op: 'mlp', layer, shape: `${d} → ${f} → ${d}`, dtype: mlp.dtype, passes },
        ...addCosts([norm, inPasses(gatedMlpCost(T, d, f, mlp.bytes / (3 * d * f)), passes)]),
      },
    ]),
    ...around('norm', String(d), 'f32', passes, inPasses(rmsNormCost(sampled + scored, d), passes)),
    ...around('head', `${d} → ${V}`, head.dtype, sampling, product(V, d, head, sampling, sampled)),
    ...around('sample', String(V), 'f32', sampling, sampleCost(sampled, V)),
    ...around('tokenLogProb', `${d} → ${V}`, head.dtype, scoring, logProbs),
  ];
}

/** The cost of all rows of some passes, each of which reads the weights. */
function inPasses({ flops, bytes }: Cost, passes: number): Cost {
  return { flops, bytes: { ...bytes, weights: bytes.weights * passes } };
}
