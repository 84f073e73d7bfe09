/** In a browser documents lie in the cache of the page's origin, which is read once, before anybody asks. */
import type * as node from './user-cache.js';

const cache = await caches.open('atts').catch(() => null);
const documents = new Map<string, unknown>();
for (const { url } of (await cache?.keys()) ?? []) {
  const response = await cache?.match(url);
  documents.set(url.slice(url.lastIndexOf('/') + 1), await response?.json().catch(() => null));
}

export const readCached: typeof node.readCached = (name) => documents.get(name) ?? null;

export const writeCached: typeof node.writeCached = (name, document) => {
  documents.set(name, document);
  // A cache that is full or barred costs finding out again, nothing else.
  void cache?.put(new URL(name, location.origin), Response.json(document)).catch(() => {});
};
