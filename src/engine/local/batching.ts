/** How a local device makes batches of requests; simulated devices do the same. */

/** Tokens a KV page. Small pages share more; a page's head that does not fill it is shared by copying. */
export const pageSize = 32;

export const batchLimits = { maxRows: 512, maxSequences: 256 };

/**
 * A device stays with a model until another has so many times its requests. Found by trying 1, 1.5, 2, 3 and no limit on
 * the embedded pair: 2 and 3 are the fastest.
 */
const patience = 2;

/** Which model runs next: the current one until another has `patience` times its requests; null where none has any. */
export function nextModel<Model extends { readonly pending: number }>(
  models: readonly Model[],
  current: Model | null,
): Model | null {
  const fullest = models.reduce<Model | null>((a, b) => (b.pending > (a?.pending ?? 0) ? b : a), null);
  return fullest && current && fullest.pending < patience * current.pending ? current : fullest;
}
