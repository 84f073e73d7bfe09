import * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from '../../tfjs.js';
import { type LinearWeights, linear, packLinear } from '../linear/index.js';
import { type TokenLogProbAttributes, type TokenLogProbInputs, tokenLogProbReference } from './reference.js';

/** The LM head [V, d], packed in tiles of at most `tileRows` vocabulary rows. */
export interface LanguageModelHead {
  readonly V: number;
  readonly d: number;
  readonly tiles: readonly LinearWeights[];
  dispose(): void;
}

const run = defineKernel<TokenLogProbInputs, TokenLogProbAttributes>('AttsTokenLogProb', tokenLogProbReference);

/** @param values [V, d] row-major */
export function packHead(values: Float32Array, V: number, d: number, tileRows = 4096): LanguageModelHead {
  const tiles: LinearWeights[] = [];
  for (let first = 0; first < V; first += tileRows) {
    const rows = Math.min(tileRows, V - first);
    tiles.push(packLinear(values.subarray(first * d, (first + rows) * d), rows, d));
  }
  return { V, d, tiles, dispose: () => tiles.forEach((tile) => void tile.dispose()) };
}

/**
 * Natural-log probabilities of given tokens: the verification op. Memory O(T · tile), never [T, V].
 * @param hidden [T, d] final hidden states (after the last norm)
 * @param ids [T] the token each row is asked about
 * @returns [T] float32, nats
 */
export function tokenLogProb(hidden: tf.Tensor, head: LanguageModelHead, ids: Int32Array): tf.Tensor {
  const tiles = Object.fromEntries(head.tiles.map((tile, index) => [`tile${index}`, tile.packed]));
  return run({ hidden, ...tiles } as TokenLogProbInputs, { ids, tiles: head.tiles.length });
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
