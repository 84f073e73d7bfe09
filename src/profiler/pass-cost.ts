/** What one forward pass of a decoder costs, from its dimensions: the costs of its ops, summed. All pure. */
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
import type { PassRows } from '../engine/pass-record.js';

export type { PassOp } from '../../kernels/op-clock.js';
export type { PassRows, SequenceRows } from '../engine/pass-record.js';

/** The dimensions of a decoder that decide what a pass costs. */
export interface ModelShape {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
}

/** The dimensions alone of whatever has them. */
export function shapeOf(model: ModelShape): ModelShape {
  const { layers, hiddenSize, intermediateSize, heads, kvHeads, headDim, vocabSize } = model;
  return { layers, hiddenSize, intermediateSize, heads, kvHeads, headDim, vocabSize };
}

/** Bytes of one stored value. */
export interface StoredBytes {
  readonly weight: number;
  readonly cache: number;
}

/** Tokens of a pass, the cached tokens that they see together, and the distinct ones among these. */
export function seenTokens({ sequences }: PassRows): { tokens: number; seen: number; read: number } {
  let [tokens, seen, read] = [0, 0, 0];
  for (const { cached, rows } of sequences) {
    tokens += rows;
    seen += rows * cached + (rows * (rows + 1)) / 2;
    read += cached + rows;
  }
  return { tokens, seen, read };
}

/**
 * Cost of a pass by op, all layers together. Norms of heads and biases, thousandths of the whole, are left out; sliding
 * windows are taken for full attention.
 */
export function passCosts(shape: ModelShape, rows: PassRows, stored: StoredBytes): Record<PassOp, Cost> {
  const { sampled, scored } = rows;
  const { layers, hiddenSize: d, intermediateSize: f, heads, kvHeads, headDim, vocabSize: V } = shape;
  const { tokens: T, seen, read } = seenTokens(rows);
  const inLayers = (cost: Cost) => times(layers, cost);
  const none = addCosts([]);
  return {
    embedding: embeddingCost(T, d),
    norm: addCosts([inLayers(times(2, rmsNormCost(T, d))), rmsNormCost(sampled + scored, d)]),
    qkv: inLayers(linearCost(T, (heads + 2 * kvHeads) * headDim, d, stored.weight)),
    rope: inLayers(ropeAppendCost(shape, T, stored.cache)),
    attention: inLayers(attentionCost(shape, T, seen, read, stored.cache)),
    output: inLayers(linearCost(T, d, heads * headDim, stored.weight)),
    mlp: inLayers(gatedMlpCost(T, d, f, stored.weight)),
    head: sampled > 0 ? linearCost(sampled, V, d, stored.weight) : none,
    sample: sampled > 0 ? sampleCost(sampled, V) : none,
    tokenLogProb: scored > 0 ? tokenLogProbCost(scored, V, d, stored.weight) : none,
  };
}

/** Their sum. */
export function passCost(shape: ModelShape, rows: PassRows, stored: StoredBytes): Cost {
  return addCosts(Object.values(passCosts(shape, rows, stored)));
}

export function totalBytes({ bytes }: Cost): number {
  return bytes.weights + bytes.activations + bytes.cache;
}

/** Weights of all matrices, embedding left out and head counted once: what a decode step reads. */
export function matrixParameters({
  layers,
  hiddenSize: d,
  intermediateSize: f,
  heads,
  kvHeads,
  headDim,
  vocabSize,
}: ModelShape): number {
  return layers * ((2 * heads + 2 * kvHeads) * headDim * d + 3 * d * f) + vocabSize * d;
}

function times(n: number, { flops, bytes: { weights, activations, cache } }: Cost): Cost {
  return { flops: n * flops, bytes: { weights: n * weights, activations: n * activations, cache: n * cache } };
}

/** Mean bytes of a weight and bytes of a cached value, from what a model needs in all. */
export function storedBytes(
  model: ModelShape & { readonly weightBytes: number; readonly cacheBytesPerToken: number },
): StoredBytes {
  const { layers, kvHeads, headDim, weightBytes, cacheBytesPerToken } = model;
  return {
    weight: weightBytes / matrixParameters(model),
    cache: cacheBytesPerToken / (2 * layers * kvHeads * headDim),
  };
}
