import * as tf from '@tensorflow/tfjs-core';
import type { WeightDtype } from '../linear/index.js';

/** Inputs are named hidden, and tile0 … tileN: LM-head tiles [d, tileRows]. */
export type TokenLogProbInputs = { hidden: tf.Tensor } & Record<string, tf.Tensor>;

export interface TokenLogProbAttributes {
  ids: Int32Array;
  tiles: number;
  V: number;
  d: number;
  dtype: WeightDtype;
}

/**
 * log p(ids[t]) of hidden[T, d]: the vocabulary goes by in tiles with a running maximum and sum (online log-sum-exp), and
 * the target's logit is picked up on the way. Never more than [T, tileRows] logits exist.
 */
export function tokenLogProbReference(inputs: TokenLogProbInputs, { ids, tiles }: TokenLogProbAttributes): tf.Tensor {
  const T = ids.length;
  let max: tf.Tensor = tf.fill([T], Number.NEGATIVE_INFINITY);
  let sum: tf.Tensor = tf.zeros([T]);
  const target = new Float32Array(T);
  for (let tile = 0, first = 0; tile < tiles; tile++) {
    const head = inputs[`tile${tile}`];
    const rows = head.shape[1] as number;
    const logits = tf.matMul(inputs.hidden as tf.Tensor2D, head as tf.Tensor2D); // [T, rows]
    const values = logits.dataSync();
    for (let t = 0; t < T; t++) {
      const column = ids[t] - first;
      if (column >= 0 && column < rows) target[t] = values[t * rows + column];
    }
    const newMax = tf.maximum(max, tf.max(logits, 1));
    const tileSum = tf.sum(tf.exp(tf.sub(logits, tf.expandDims(newMax, 1))), 1);
    // At the first tile the old maximum is −∞ and its weight exp(−∞) = 0.
    sum = tf.add(tf.mul(sum, tf.exp(tf.sub(max, newMax))), tileSum);
    max = newMax;
    first += rows;
  }
  return tf.sub(tf.tensor1d(target), tf.add(max, tf.log(sum)));
}
