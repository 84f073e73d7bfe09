/** Repeatable values in (−½, ½): what is computed does not matter, that nothing is zero or subnormal does. */
export function values(n: number, seed = 1): Float32Array {
  let state = seed;
  const out = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = state / 2 ** 32 - 0.5;
  }
  return out;
}
