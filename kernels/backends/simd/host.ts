/** What the pool has from Node: threads, processors, and the compiled kernels. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { ThreadData } from './thread.js';

/** A thread of a pool beside its owner's. */
export interface PoolThread {
  /** Kept once the thread runs; before that its owner must not wait for it in a job. */
  readonly begun: Promise<void>;
  terminate(): Promise<unknown>;
}

// Node 20 has relaxed SIMD behind a flag, later ones have it on.
if (Number(process.versions.node.split('.')[0]) < 21) setFlagsFromString('--experimental-wasm-relaxed-simd');

/** @param onEnd hears how the thread ended, which none does by itself */
export function startThread(data: ThreadData, onEnd: (how: string) => void): PoolThread {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: data });
  // An idle pool must not keep the process alive.
  worker.unref();
  worker.once('error', (error) => onEnd(`failed: ${error.message}`));
  worker.once('exit', () => onEnd('ended'));
  // It begins whatever its owner does meanwhile.
  return { begun: Promise.resolve(), terminate: () => worker.terminate() };
}

/** Threads that the machine runs at once. */
export function processors(): number {
  return availableParallelism();
}

export async function kernelBytes(build: 'relaxed' | 'plain'): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(readFileSync(new URL(`./${build}.wasm`, import.meta.url)));
}
