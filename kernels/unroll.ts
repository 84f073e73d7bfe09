/** What programs that write programs unroll their code over. */

/** 0, 1, … n − 1 */
export const range = (n: number) => Array.from({ length: n }, (_, i) => i);

/** Those of a WGSL vector. */
export const components = ['x', 'y', 'z', 'w'] as const;
