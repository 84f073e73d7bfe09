import * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from '../../tfjs.js';
import { type EmbeddingAttributes, embeddingReference } from './reference.js';

/** An embedding table [V, d], owned by the op. */
export interface EmbeddingTable {
  readonly V: number;
  readonly d: number;
  readonly table: tf.Tensor;
  dispose(): void;
}

const run = defineKernel<{ table: tf.Tensor }, EmbeddingAttributes>('AttsEmbedding', embeddingReference);

/** @param values [V, d] row-major */
export function packEmbedding(values: Float32Array, V: number, d: number): EmbeddingTable {
  const table = tf.tensor2d(values, [V, d]);
  return { V, d, table, dispose: () => table.dispose() };
}

/**
 * Token embeddings.
 * @param ids token ids, each in [0, V)
 * @param scale multiplies every row (1; gemma: √d)
 * @returns [T, d] float32
 */
export function embedding(weights: EmbeddingTable, ids: Int32Array, scale = 1): tf.Tensor {
  return run({ table: weights.table }, { ids, scale });
}
