/** The stock backends of tfjs, which run the ops as their references: to compare with, not to work with. */
export const stockNames = ['tensorflow', 'wasm', 'cpu'] as const;
export type StockName = (typeof stockNames)[number];

/** What `--backend` may name: the simd backends and webgpu run our kernels. */
export const backendNames = ['simd', 'simd-plain', 'webgpu', ...stockNames] as const;
export type BackendName = (typeof backendNames)[number];

/** `auto` leaves the choice to us. */
export const backendChoices = ['auto', ...backendNames] as const;
export type BackendChoice = (typeof backendChoices)[number];

/** Whether a backend reads float16 weights as they are; the others widen them, which loses nothing. */
export const readsFloat16 = (backend: string) => backend === 'webgpu';

/** Whether a backend holds weights as float32, whatever they were rounded to. */
export const holdsFloat32 = (backend: string) => (stockNames as readonly string[]).includes(backend);
