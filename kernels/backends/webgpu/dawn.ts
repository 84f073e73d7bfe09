import { AttsError, firstLine } from '../../../src/errors.js';

/**
 * Dawn, the `webgpu` package, put where a browser has its own: tfjs looks for it and its classes there.
 * @throws AttsError `engine` where it does not load
 */
export async function openDawn(): Promise<GPU> {
  const dawn = await import('webgpu').catch((cause: NodeJS.ErrnoException) => {
    const why =
      cause.code === 'ERR_MODULE_NOT_FOUND'
        ? 'is not installed; run npm install webgpu@0.6'
        : `does not load (${firstLine(cause)}); install it again`;
    throw new AttsError('engine', `--backend webgpu: the package webgpu (Dawn) ${why}, or use --backend simd`, {
      cause,
    });
  });
  Object.assign(globalThis, dawn.globals);
  const gpu = dawn.create(['disable-dawn-features=timestamp_quantization']);
  // Node 20 has no navigator.
  if (!globalThis.navigator) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true });
  return gpu;
}
