import { control, instantiate } from './control.js';

/** What a thread of a pool is given. */
export interface ThreadData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** From 1 on; the pool's owner is thread 0. */
  readonly index: number;
}

/** Runs a thread's share of every job until the pool stops. */
export function runThread({ module, memory, index }: ThreadData): void {
  try {
    instantiate(module, memory, () => {}).work(index);
  } catch (error) {
    // The other threads must not wait for this one; the pool's owner finds out which it was.
    const words = new Int32Array(memory.buffer);
    Atomics.compareExchange(words, control.failed / 4, 0, index);
    Atomics.store(words, control.stop / 4, 1);
    throw error;
  }
}
