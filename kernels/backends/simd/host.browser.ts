/**
 * What the pool has from a browser. Its owner must be a worker itself: a page may not wait. The files lie beside the
 * script that this module is bundled into: worker.browser.js, relaxed.wasm, plain.wasm.
 */
import { AttsError } from '../../../src/errors.js';
import type * as node from './host.js';

export const startThread: typeof node.startThread = (data, onEnd) => {
  const worker = new Worker(new URL('./worker.browser.js', import.meta.url), { type: 'module' });
  worker.addEventListener('error', ({ message }) => onEnd(`failed: ${message || 'its script does not load'}`));
  // It begins when its owner next gives way, and not while it runs a job.
  const begun = new Promise<void>((resolve, reject) => {
    worker.addEventListener('message', () => resolve(), { once: true });
    worker.addEventListener('error', ({ message }) => reject(new AttsError('engine', `a worker: ${message}`)));
  });
  worker.postMessage(data);
  return { begun, terminate: async () => worker.terminate() };
};

export const processors: typeof node.processors = () => navigator.hardwareConcurrency;

export const kernelBytes: typeof node.kernelBytes = async (build) => {
  const response = await fetch(new URL(`./${build}.wasm`, import.meta.url));
  if (!response.ok) throw new AttsError('engine', `${response.url}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
};
