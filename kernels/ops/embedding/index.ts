import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, PerBackend } from '../../tfjs.js';
import { storedValues, type WeightDtype } from '../linear/index.js';
import type { LanguageModelHead } from '../token-log-prob/index.js';
import { type EmbeddingAttributes, embeddingReference } from './reference.js';

/** An embedding table [V, d], owned by the op. */
export interface EmbeddingTable {
  readonly V: number;
  readonly d: number;
  readonly dtype: WeightDtype;
  readonly table: tf.Tensor;
  dispose(): void;
}

/** Packs values [V, d]; a backend that can read the rows of a tied head keeps no second copy. */
export type EmbeddingPacker = (
  values: Float32Array,
  V: number,
  d: number,
  tiedHead: LanguageModelHead | null,
) => EmbeddingTable;

export const embeddingPacker = new PerBackend<EmbeddingPacker>((values, V, d, tiedHead) => {
  // Tied is tied: the rows are what the head keeps of them.
  const table = tf.tensor2d(storedValues(values, V, d, tiedHead?.dtype ?? 'f32'), [V, d]);
  return { V, d, dtype: 'f32', table, dispose: () => table.dispose() };
});

const run = defineKernel<{ table: tf.Tensor }, EmbeddingAttributes>('AttsEmbedding', embeddingReference);

/**
 * @param values [V, d] row-major
 * @param tiedHead the LM head made of the same values, where the two are tied; it must outlive the table
 */
export function packEmbedding(
  values: Float32Array,
  V: number,
  d: number,
  tiedHead: LanguageModelHead | null = null,
): EmbeddingTable {
  return embeddingPacker.active(values, V, d, tiedHead);
}

/**
 * Token embeddings.
 * @param ids token ids, each in [0, V)
 * @param scale multiplies every row (1; gemma: √d)
 * @returns [T, d] float32
 */
export function embedding(weights: EmbeddingTable, ids: Int32Array, scale = 1): tf.Tensor {
  return run({ table: weights.table }, { ids, scale, d: weights.d, dtype: weights.dtype });
}
