/** Bijective mixing of 32 bits (the finaliser of MurmurHash3, Appleby 2008). */
function mix(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A 32-bit hash of a text's UTF-16 code units. */
export function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h);
}

export interface RandomStream {
  /** The next number, uniform on [0, 1). */
  uniform(): number;
  /** An integer, uniform on low … high, both included. */
  integer(low: number, high: number): number;
  /** One of the items, all alike likely. */
  choice<T>(items: readonly T[]): T;
}

/**
 * A stream of random numbers that is a function of (seed, stream name, how many were drawn): the i-th number is a hash
 * of the key and the counter i, so that streams of other names or seeds share nothing but chance.
 */
export function randomStream(seed: number, name: string): RandomStream {
  const outer = mix(seed ^ 0x9e3779b9);
  const inner = mix(hashText(name) + outer);
  let counter = 0;
  const bits = () => mix(mix(mix(counter++) ^ outer) + inner);
  const uniform = () => bits() / 2 ** 32;
  const integer = (low: number, high: number) => low + Math.floor(uniform() * (high - low + 1));
  return { uniform, integer, choice: (items) => items[integer(0, items.length - 1)] };
}
