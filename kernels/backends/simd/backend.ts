import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import type { KernelBuild } from './builds.js';
import { reservedBytes } from './control.js';
import { type Block, Heap } from './memory.js';
import { ThreadPool } from './pool.js';

/** A tensor that a job has written or is to write: tfjs's handle and the address of its values. */
export interface Output {
  readonly info: tf.TensorInfo;
  readonly pointer: number;
}

/**
 * The tfjs backend `simd`: tfjs's own CPU backend with its tensors in one shared WebAssembly memory where our jobs need
 * them there. A tensor moves into the memory the first time a job reads it. It is not a general fast backend: stock ops
 * run as they do on `cpu`, in plain JavaScript; the decoder's ops run as jobs of the thread pool.
 */
export class SimdBackend extends MathBackendCPU {
  readonly build: KernelBuild;
  readonly heap: Heap;
  pool: ThreadPool;
  private readonly blocks = new Map<object, Block>();
  private scratchBlock: Block | null = null;

  constructor(build: KernelBuild, threads: number) {
    super();
    this.build = build;
    this.heap = new Heap(reservedBytes);
    this.pool = new ThreadPool(build.module, this.heap.memory, threads);
  }

  /** Address of a tensor's values, moved into the shared memory if they are not there yet. */
  pointer({ dataId }: tf.TensorInfo): number {
    const known = this.blocks.get(dataId);
    if (known) return known.pointer;
    const data = this.data.get(dataId);
    const values = data.values as unknown as Float32Array | Int32Array;
    const block = this.heap.allocate(values.byteLength);
    const moved =
      values instanceof Int32Array
        ? this.heap.int32(block.pointer, values.length)
        : this.heap.float32(block.pointer, values.length);
    moved.set(values);
    data.values = moved as Float32Array;
    this.blocks.set(dataId, block);
    return block.pointer;
  }

  /** The same of a tensor that may be missing: jobs take address 0 for none. */
  pointerOrNull(tensor: tf.TensorInfo | undefined): number {
    return tensor ? this.pointer(tensor) : 0;
  }

  /** A new tensor whose values a job will write. */
  output(shape: number[], dtype: 'float32' | 'int32' = 'float32'): Output {
    const size = tf.util.sizeFromShape(shape);
    const block = this.heap.allocate(size * 4);
    const { pointer } = block;
    const values = dtype === 'int32' ? this.heap.int32(pointer, size) : this.heap.float32(pointer, size);
    const info = this.makeTensorInfo(shape, dtype, values as Float32Array);
    this.blocks.set(info.dataId, block);
    return { info, pointer };
  }

  /** Addresses of areas of the given sizes that last until the next call. */
  scratch(...bytes: readonly number[]): number[] {
    const sizes = bytes.map((size) => Math.ceil(size / 64) * 64);
    const total = sizes.reduce((a, b) => a + b, 0);
    if (!this.scratchBlock || this.scratchBlock.bytes < total) {
      if (this.scratchBlock) this.heap.release(this.scratchBlock);
      this.scratchBlock = this.heap.allocate(total * 1.5);
    }
    let at = this.scratchBlock.pointer;
    return sizes.map((size) => {
      const pointer = at;
      at += size;
      return pointer;
    });
  }

  async setThreads(threads: number): Promise<void> {
    if (threads === this.pool.threads) return;
    await this.pool.close();
    this.pool = new ThreadPool(this.build.module, this.heap.memory, threads);
  }

  /** Copies a stock kernel's output out of the shared memory if it is a view of another tensor's block. */
  keepOwn(dataId: tf.DataId): void {
    if (this.blocks.has(dataId)) return;
    const data = this.data.get(dataId);
    if (data.values) data.values = ownValues(data.values) as Float32Array;
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    const isGone = super.disposeData(dataId, force);
    const block = isGone ? this.blocks.get(dataId) : undefined;
    if (block) {
      this.blocks.delete(dataId);
      this.heap.release(block);
    }
    return isGone;
  }

  /** A copy: a view of the shared memory would change when the block is used again. */
  override readSync(dataId: tf.DataId): tf.BackendValues {
    return ownValues(super.readSync(dataId));
  }

  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    return this.readSync(dataId);
  }
}

/** The values themselves, or a copy of those that lie in shared memory. */
export function ownValues(values: tf.BackendValues): tf.BackendValues {
  if (!ArrayBuffer.isView(values) || !(values.buffer instanceof SharedArrayBuffer)) return values;
  return (values as Float32Array).slice();
}
