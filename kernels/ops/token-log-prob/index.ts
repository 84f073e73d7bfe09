import * as tf from '@tensorflow/tfjs-core';
import { defineKernel, PerBackend } from '../../tfjs.js';
import { type LinearWeights, linear, type Matrix, packLinear, type WeightDtype } from '../linear/index.js';
import { rowsOf, sliceRows } from '../linear/matrix.js';
import { type TokenLogProbAttributes, type TokenLogProbInputs, tokenLogProbReference } from './reference.js';

/** The LM head [V, d], packed whole or in tiles of vocabulary rows, as the backend wants it. */
export interface LanguageModelHead {
  readonly V: number;
  readonly d: number;
  readonly dtype: WeightDtype;
  readonly tiles: readonly LinearWeights[];
  dispose(): void;
}

export type HeadPacker = (
  values: Matrix,
  V: number,
  d: number,
  dtype: WeightDtype,
  tileRows: number,
) => LinearWeights[];

export const headPacker = new PerBackend<HeadPacker>((values, V, d, dtype, tileRows) => {
  const all = rowsOf(values, V, d);
  const tiles: LinearWeights[] = [];
  for (let first = 0; first < V; first += tileRows) {
    const rows = Math.min(tileRows, V - first);
    tiles.push(packLinear(sliceRows(all, first, rows), rows, d, null, dtype));
  }
  return tiles;
});

const run = defineKernel<TokenLogProbInputs, TokenLogProbAttributes>('AttsTokenLogProb', tokenLogProbReference);

/**
 * @param values [V, d]
 * @param tileRows vocabulary rows a tile on the stock backends
 */
export function packHead(
  values: Matrix,
  V: number,
  d: number,
  { dtype = 'f32', tileRows = 4096 }: { dtype?: WeightDtype; tileRows?: number } = {},
): LanguageModelHead {
  const tiles = headPacker.active(values, V, d, dtype, tileRows);
  return { V, d, dtype, tiles, dispose: () => tiles.forEach((tile) => void tile.dispose()) };
}

/**
 * Natural-log probabilities of given tokens: the verification op. Memory O(T · tile), never [T, V].
 * @param hidden [T, d] final hidden states (after the last norm)
 * @param ids [T] the token each row is asked about
 * @returns [T] float32, nats
 */
export function tokenLogProb(hidden: tf.Tensor, head: LanguageModelHead, ids: Int32Array): tf.Tensor {
  const tiles = Object.fromEntries(head.tiles.map((tile, index) => [`tile${index}`, tile.packed]));
  return run({ hidden, ...tiles } as TokenLogProbInputs, {
    ...{ ids, tiles: head.tiles.length, V: head.V, d: head.d, dtype: head.dtype },
  });
}

/**
 * All logits, for rows that are to be sampled from.
 * @param hidden [R, d]
 * @returns [R, V] float32
 */
export function logits(hidden: tf.Tensor, head: LanguageModelHead): tf.Tensor {
  if (head.tiles.length === 1) return linear(hidden, head.tiles[0]);
  return tf.tidy(() =>
    tf.concat(
      head.tiles.map((tile) => linear(hidden, tile)),
      1,
    ),
  );
}
