/** What `--backend` may name: the simd backends run our kernels, the others the ops' references. */
export const backendNames = ['simd', 'simd-plain', 'tensorflow', 'wasm', 'cpu'] as const;
export type BackendName = (typeof backendNames)[number];

/** `auto` leaves the choice to us. */
export const backendChoices = ['auto', ...backendNames] as const;
export type BackendChoice = (typeof backendChoices)[number];
