import * as tf from '@tensorflow/tfjs-core';
import { isSimd, simd } from '../backends/simd/index.js';
import { medianTime, type OneRowRoofs, type Roofs, type Timed, timed } from './measure.js';

const readBytes = 256 * 2 ** 20;
const iterations = 4 * 2 ** 20;
const side = 1024;
/** 12 vectors an iteration, of 4 or 8 lanes and two operations a lane; one vector of exponentials. */
export const operations = { float32: 12 * 4 * 2, int16: 12 * 8 * 2, exponential: 4 } as const;

/** Measures both roofs of the active backend. */
export function measureRoofs(): Roofs {
  return isSimd(tf.getBackend()) ? simdRoofs() : stockRoofs();
}

/** With all threads of the pool. */
function simdRoofs(): Roofs {
  const { heap, pool } = simd();
  const both = new MovingRoofs();
  const result = heap.allocate(64);
  try {
    const products = medianTime(() => pool.run('peak16', [iterations, 3, result.pointer]));
    return {
      ...both.now(),
      integers: {
        products: (iterations * operations.int16) / products / 1e6,
        peak: int8Peak(),
      },
    };
  } finally {
    both.dispose();
    heap.release(result);
  }
}

/** Both roofs of the simd backend, to be measured again beside what is timed: other guests of a machine move them. */
export class MovingRoofs {
  private readonly block = simd().heap.allocate(readBytes);
  private readonly result = simd().heap.allocate(64);

  constructor() {
    // Memory that was never written has no pages of its own to read.
    simd()
      .heap.float32(this.block.pointer, readBytes / 4)
      .fill(1);
  }

  /** Half a second's work, or less with fewer repeats (odd) of fewer milliseconds. */
  now(repeats?: number, least?: number): Roofs {
    const { pool } = simd();
    const { block, result } = this;
    const read = medianTime(() => pool.run('read', [block.pointer, readBytes, result.pointer]), repeats, least);
    const peak = medianTime(() => pool.run('peak', [iterations, 0, result.pointer], { 1: 0.5 }), repeats, least);
    return { bandwidth: readBytes / read / 1e6, peak: (iterations * operations.float32) / peak / 1e6 };
  }

  dispose(): void {
    simd().heap.release(this.block);
    simd().heap.release(this.result);
  }
}

/** Tiles of 4 rows × 8 features × 384 k, as many as 64 rows have, and the panel's block widened before them. */
function int8Peak(): number {
  const { heap, pool } = simd();
  const bytes = 2 ** 15 * pool.threads;
  const area = heap.allocate(bytes);
  heap.float32(area.pointer, bytes / 4).fill(0);
  const [blocks, tiles] = [1024, 16];
  const time = medianTime(() => pool.run('peak8', [blocks, area.pointer, tiles]));
  heap.release(area);
  return (blocks * tiles * 4 * 8 * 384 * 2) / time / 1e6;
}

/** Of the simd backend: 64 values an iteration; four panels of 8 features × 384 k. */
export function oneRowRoofs(): OneRowRoofs {
  const { heap, pool } = simd();
  const bytes = 2 ** 15 * pool.threads;
  const area = heap.allocate(bytes);
  const blocks = 2 ** 16;
  const products = medianTime(() => pool.run('peak4', [iterations, 3, area.pointer]));
  heap.float32(area.pointer, bytes / 4).fill(0);
  const tile = medianTime(() => pool.run('peak4Tile', [blocks, area.pointer]));
  heap.release(area);
  return { products: (iterations * 64 * 2) / products / 1e6, peak: (blocks * 4 * 8 * 384 * 2) / tile / 1e6 };
}

/** By the backend's own ops: a product that is all arithmetic, a sum that is all reading. */
function stockRoofs(): Roofs {
  const square = tf.ones([side, side]);
  const long = tf.ones([readBytes / 4]);
  // A device works on its own until something is asked for.
  const time = (op: () => tf.Tensor) => medianTime(() => tf.tidy(() => void tf.sum(op()).dataSync()));
  try {
    const product = time(() => tf.matMul(square, square));
    const read = time(() => long);
    return { bandwidth: readBytes / read / 1e6, peak: (2 * side ** 3) / product / 1e6 };
  } finally {
    tf.dispose([square, long]);
  }
}

/** A job that does nothing on so many threads: what sharing work costs. */
export function emptyJob(threads = simd().pool.threads): Timed {
  return timed(() => simd().pool.run('nothing', [], undefined, threads));
}
