import { createRequire } from 'node:module';
import { AttsError, firstLine } from '../../../src/errors.js';

/**
 * Dawn, the `webgpu` package, put where a browser has its own: tfjs looks for it and its classes there.
 * @throws AttsError `engine` where it does not load, or has no Vulkan to go through
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
  const missing = process.platform === 'linux' ? whyNoVulkan() : null;
  if (missing) {
    throw new AttsError(
      'engine',
      `--backend webgpu: no Vulkan (${missing}); install libvulkan1 and the driver of a GPU, or use --backend simd`,
    );
  }
  Object.assign(globalThis, dawn.globals);
  const gpu = dawn.create(['disable-dawn-features=timestamp_quantization']);
  // Node 20 has no navigator.
  if (!globalThis.navigator) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true });
  return gpu;
}

/** Which release of Dawn compiles the programs. */
export function dawnRelease(): string {
  const { version } = createRequire(import.meta.url)('webgpu/package.json') as { version: string };
  return `dawn-${version}`;
}

/** Why the system's Vulkan loader does not load; null where it does. Dawn would warn of it in lines of its own. */
function whyNoVulkan(): string | null {
  try {
    process.dlopen({ exports: {} }, 'libvulkan.so.1');
  } catch (cause) {
    // Found, and no module of Node's: so it is there.
    if (!/self-register/.test(firstLine(cause))) return firstLine(cause);
  }
  return null;
}
