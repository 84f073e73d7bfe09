/** In a browser, whose own digest is asynchronous. */
import { sha256 as noble } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type * as node from './digest.js';

export const sha256: typeof node.sha256 = (...parts) => digestOf(parts);

export const sha256Hex: typeof node.sha256Hex = (parts) => bytesToHex(digestOf(parts));

function digestOf(parts: Iterable<string | Uint8Array>): Uint8Array {
  const hash = noble.create();
  const utf8 = new TextEncoder();
  for (const part of parts) hash.update(typeof part === 'string' ? utf8.encode(part) : part);
  return hash.digest();
}
