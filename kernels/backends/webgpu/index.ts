import * as tf from '@tensorflow/tfjs-core';
import { opClock } from '../../op-clock.js';
import { compileAhead, type KernelBody, reader, registerFor, type Tensors } from '../../tfjs.js';
import { openGpu } from './adapter.js';
import { AttsWebGpuBackend } from './backend.js';
import { dawnRelease } from './dawn.js';
import { findLanes } from './lanes.js';

/** Names of the backend, as `simdNames` has those of the CPU. */
export const webGpuNames = ['webgpu'] as const;

let started: AttsWebGpuBackend | null = null;
let starting: Promise<string> | null = null;

/**
 * Opens a device and registers the backend over it, stock kernels and all. A lost device is replaced. A second call may
 * come before the first has ended.
 * @returns what decides the bits of a result beside our code: the release of Dawn (in a browser none is told), vendor and
 *   kind of the adapter, its driver, and f16 where float16 weights are multiplied in float16
 */
export async function registerWebGpu(): Promise<string> {
  if (starting === null && started && !started.hasFailed) return buildOf(started);
  starting ??= startWebGpu().finally(() => {
    starting = null;
  });
  return starting;
}

async function startWebGpu(): Promise<string> {
  const gpu = await openGpu();
  // Nothing is submitted before somebody reads: stock kernels between ours do not cut a pass in two.
  tf.env().set('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE', 4096);
  if (tf.findBackendFactory('webgpu')) tf.removeBackend('webgpu');
  const own = new AttsWebGpuBackend(gpu, started?.shortages);
  started = own;
  tf.registerBackend('webgpu', () => own);
  reader.register(webGpuNames, (tensors) => webGpu().readAll(tensors));
  opClock.register(webGpuNames, () => webGpu().startClock());
  own.lanes = await findLanes(own);
  compileAhead.register(webGpuNames, (body) => webGpu().compileAhead(body));
  await import('./ops.js');
  const build = buildOf(own);
  const { tuned } = await import('./tuning-file.js');
  await tuned(build, own.isSoftware);
  return build;
}

const buildOf = ({ info: { vendor, architecture, device, description }, f16 }: AttsWebGpuBackend) =>
  [dawnRelease(), vendor, architecture, device, description, f16 ? 'f16' : ''].filter((part) => part).join(' ');

/** The backend, once it is started. */
export function webGpu(): AttsWebGpuBackend {
  return started as AttsWebGpuBackend;
}

/** Registers an op of ours. */
export function registerWgsl<I extends Tensors, A>(name: string, body: KernelBody<I, A>): void {
  registerFor<I, A>(webGpuNames, name, body);
}
