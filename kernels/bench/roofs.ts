import { simd } from '../backends/simd/index.js';
import { medianTime, type Roofs } from './measure.js';

const readBytes = 256 * 2 ** 20;
const iterations = 4 * 2 ** 20;

/** Measures both roofs with all threads of the pool. The simd backend must be the active one. */
export function measureRoofs(): Roofs {
  const backend = simd();
  const block = backend.heap.allocate(readBytes);
  const result = backend.heap.allocate(64);
  // Memory that was never written has no pages of its own to read.
  backend.heap.float32(block.pointer, readBytes / 4).fill(1);
  try {
    const read = medianTime(() => backend.pool.run('read', [block.pointer, readBytes, result.pointer]));
    const peak = medianTime(() => backend.pool.run('peak', [iterations, 0, result.pointer], { 1: 0.5 }));
    // 12 multiply-adds of 4 lanes an iteration, two operations each.
    return { bandwidth: readBytes / read / 1e6, peak: (iterations * 12 * 4 * 2) / peak / 1e6 };
  } finally {
    backend.heap.release(block);
    backend.heap.release(result);
  }
}

/** Time of a job that does nothing, on all threads: what sharing work costs, microseconds. */
export function dispatchMicroseconds(): number {
  return 1000 * medianTime(() => simd().pool.run('nothing', []));
}
