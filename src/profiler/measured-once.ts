import type { z } from 'zod';
import { sha256Hex } from '../digest.js';
import { readCached, writeCached } from '../user-cache.js';

/**
 * Limits that are measured once, then read from the user's cache (XDG_CACHE_HOME or ~/.cache, `atts/`).
 * @param name of their file, before a digest of the key
 * @param key what they are limits of
 * @param again measures them whatever is in the cache
 */
export async function measuredOnce<Limits>(
  name: string,
  key: string,
  schema: z.ZodType<Limits>,
  again: boolean,
  measure: () => Promise<object>,
): Promise<Limits> {
  const file = `${name}-${sha256Hex([key]).slice(0, 12)}.json`;
  // None where this version wrote none.
  const known = again ? undefined : schema.safeParse(readCached(file)).data;
  if (known) return known;
  const limits = schema.parse({ ...(await measure()), measured: new Date().toISOString() });
  writeCached(file, limits);
  return limits;
}
