import { AttsError, firstLine } from '../../../src/errors.js';
import { openDawn } from './dawn.js';

/** A device of our own: tfjs's asks for no more features than timestamps, and not for all limits. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly info: GPUAdapterInfo;
}

/** Features that are taken where the adapter has them; none is needed. */
const wanted = ['shader-f16', 'subgroups', 'timestamp-query', 'bgra8unorm-storage'] as const;

/** Limits that are raised to what the adapter has. */
const raised = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
] as const;

/**
 * Opens the fastest adapter: of the browser, or in Node of Dawn (the `webgpu` package: Vulkan, Metal, Direct3D 12).
 * An adapter serves one device, so that every call takes a new one.
 * @throws AttsError `engine` where there is none, or it gives no device
 */
export async function openGpu(): Promise<Gpu> {
  const gpu = (globalThis.navigator as Navigator | undefined)?.gpu ?? (await openDawn());
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new AttsError(
      'engine',
      '--backend webgpu: no GPU adapter was found; install the driver of a GPU (on Linux: Vulkan, with libvulkan1), or use --backend simd',
    );
  }
  const { info } = adapter;
  try {
    const device = await adapter.requestDevice({
      requiredFeatures: wanted.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(raised.map((name) => [name, adapter.limits[name]])),
    });
    return { device, info };
  } catch (cause) {
    throw new AttsError(
      'engine',
      `--backend webgpu: ${info.description || 'the GPU'} gives no device (${firstLine(cause)}); update its driver, or use --backend simd`,
      { cause },
    );
  }
}
