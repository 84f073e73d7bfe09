import { createHash } from 'node:crypto';

/** SHA-256 of texts (as UTF-8) and bytes, one after another. */
export function sha256(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  return hashOf(parts).digest();
}

/** The same in hex; parts may be made as they are asked for. */
export function sha256Hex(parts: Iterable<string | Uint8Array>): string {
  return hashOf(parts).digest('hex');
}

function hashOf(parts: Iterable<string | Uint8Array>) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash;
}
