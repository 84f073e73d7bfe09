import * as tf from '@tensorflow/tfjs-core';

export interface SampleAttributes {
  /** One a row; 0 = greedy. */
  temperatures: Float32Array;
  /** One a row, in (0, 1]. */
  topPs: Float32Array;
  /** One a row, in [0, 1). */
  uniforms: Float64Array;
}

/** Smallest id among the largest logits of each row. */
export function argmaxReference({ logits }: { logits: tf.Tensor }): tf.Tensor {
  return tf.argMax(logits, 1);
}

/**
 * Inverse-CDF sampling in the order of token ids over the nucleus: the smallest set of most probable tokens whose mass
 * reaches top-p (ties at its edge all belong to it). The order of ids, not of probabilities, makes the map from the
 * uniform number to the token independent of any sort.
 */
export function sampleReference({ logits }: { logits: tf.Tensor }, attrs: SampleAttributes): tf.Tensor {
  const [R, V] = logits.shape as [number, number];
  const temperatures = tf.tensor2d(
    attrs.temperatures.map((t) => (t === 0 ? 1 : t)),
    [R, 1],
  );
  let p = tf.softmax(tf.div(logits, temperatures)); // [R, V]
  if (attrs.topPs.some((topP) => topP < 1)) {
    const { values } = tf.topk(p, V); // [R, V] descending
    const before = tf.cumsum(values, 1, true); // mass of the strictly more probable tokens
    const inside = tf.less(before, tf.tensor2d(attrs.topPs, [R, 1]));
    const edge = tf.min(tf.where(inside, values, tf.onesLike(values)), 1, true); // least probability of the nucleus
    p = tf.where(tf.greaterEqual(p, edge), p, tf.zerosLike(p));
  }
  const cumulative = tf.cumsum(p, 1); // [R, V]
  const total = tf.slice(cumulative, [0, V - 1], [R, 1]);
  const wanted = tf.mul(total, tf.tensor2d(Float32Array.from(attrs.uniforms), [R, 1]));
  // The first id whose cumulative mass passes the wanted one; a token of no probability never does so first.
  const sampled = tf.argMax(tf.cast(tf.greater(cumulative, wanted), 'float32'), 1);
  const greedy = tf.tensor1d(
    Array.from(attrs.temperatures, (t) => (t === 0 ? 1 : 0)),
    'bool',
  );
  return tf.where(greedy, argmaxReference({ logits }), sampled);
}
