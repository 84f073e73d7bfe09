import type { BackendChoice, BackendName } from './names.js';

/** What `auto` takes on this machine, and why, in one line. */
export function automaticBackend(): { readonly name: BackendName; readonly why: string } {
  const why = 'our own kernels on threads, equal bits in any batch; the others run when --backend names them';
  return { name: 'simd', why };
}

/**
 * What the record of a run should say of its backend: why it was chosen, or what is not promised of it; null if nothing.
 * @param backends on which the run's models are
 */
export function backendNote(choice: BackendChoice, backends: readonly string[]): string | null {
  const { name, why } = automaticBackend();
  if (choice === 'auto' && backends.includes(name)) return `backend ${name} by automatic choice: ${why}`;
  if (!backends.includes('tensorflow')) return null;
  return "backend tensorflow: the last bits of its sums depend on what else is in a batch, so that a repeated run's chains may differ";
}
