import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, PerBackend } from '../../tfjs.js';
import type { Matrix, WeightDtype } from '../linear/index.js';
import { keptValues, rowsOf, stacked } from '../linear/matrix.js';
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

/** Packs a table [V, d]; a backend that can read the rows of a tied head keeps no second copy. */
export type EmbeddingPacker = (
  values: Matrix,
  V: number,
  d: number,
  dtype: WeightDtype,
  tiedHead: LanguageModelHead | null,
) => EmbeddingTable;

export const embeddingPacker = new PerBackend<EmbeddingPacker>((values, V, d, dtype) => {
  const table = tf.tensor2d(keptValues(stacked(rowsOf(values, V, d)), V, d, dtype), [V, d]);
  return { V, d, dtype: 'f32', table, dispose: () => table.dispose() };
});

const run = defineKernel<{ table: tf.Tensor }, EmbeddingAttributes>('AttsEmbedding', embeddingReference);

/**
 * @param values [V, d]
 * @param tiedHead the LM head made of the same values, where the two are tied; it must outlive the table, and its dtype
 *   is the table's: tied is tied
 */
export function packEmbedding(
  values: Matrix,
  V: number,
  d: number,
  { dtype = 'f32', tiedHead = null }: { dtype?: WeightDtype; tiedHead?: LanguageModelHead | null } = {},
): EmbeddingTable {
  return embeddingPacker.active(values, V, d, tiedHead?.dtype ?? dtype, tiedHead);
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
