/** How a local device makes batches of requests; simulated devices do the same. */

/** Tokens a KV page. Small pages share more; a page's head that does not fill it is shared by copying. */
export const pageSize = 32;

export const batchLimits = { maxRows: 512, maxSequences: 256 };

/**
 * A device stays with a model until another has so many times its requests. Found by trying 1, 1.5, 2, 3 and no limit on
 * the embedded pair: 2 and 3 are the fastest.
 */
export const patience = 2;
