/** What `--backend` may name: the simd backends and webgpu run our kernels, the others the ops' references. */
export const backendNames = ['simd', 'simd-plain', 'webgpu', 'tensorflow', 'wasm', 'cpu'] as const;
export type BackendName = (typeof backendNames)[number];

/** `auto` leaves the choice to us. */
export const backendChoices = ['auto', ...backendNames] as const;
export type BackendChoice = (typeof backendChoices)[number];

/** Whether a backend reads float16 weights as they are; the others widen them, which loses nothing. */
export const readsFloat16 = (backend: string) => backend === 'webgpu';
