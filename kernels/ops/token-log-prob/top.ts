/** A token and its natural-log probability. */
export interface Alternative {
  readonly id: number;
  readonly logProb: number;
}

/**
 * The n most probable tokens, the most probable first, the smaller id where two are alike. For looking at a model, not for
 * speed: all V logits of the row have come out of the device.
 * @param row [V] logits
 * @returns min(n, V) tokens
 */
export function topLogProbs(row: ArrayLike<number>, n: number): Alternative[] {
  const ids: number[] = [];
  let largest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < row.length; id++) {
    largest = Math.max(largest, row[id]);
    if (ids.length === n && !(row[id] > row[ids[n - 1]])) continue;
    let at = ids.length;
    while (at > 0 && row[id] > row[ids[at - 1]]) at--;
    ids.splice(at, 0, id);
    ids.length = Math.min(ids.length, n);
  }
  let sum = 0;
  for (let id = 0; id < row.length; id++) sum += Math.exp(row[id] - largest);
  const total = largest + Math.log(sum);
  return ids.map((id) => ({ id, logProb: row[id] - total }));
}
