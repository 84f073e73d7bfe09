/** A worker thread of the pool: runs its share of every job until the pool stops. */
import { workerData } from 'node:worker_threads';
import { control, instantiate } from './control.js';

const { module, memory, index } = workerData as {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  index: number;
};
try {
  instantiate(module, memory, () => {}).work(index);
} catch (error) {
  // The other threads must not wait for this one; the pool's owner finds out which it was.
  const words = new Int32Array(memory.buffer);
  Atomics.compareExchange(words, control.failed / 4, 0, index);
  Atomics.store(words, control.stop / 4, 1);
  throw error;
}
