/** The arrays one after the other. */
export function concat<A extends Float32Array | Uint8Array>(type: new (length: number) => A, parts: readonly A[]): A {
  const out = new type(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
