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

/** One shared memory and the threads that run jobs over it. */
interface Bank {
  readonly heap: Heap;
  pool: ThreadPool;
  scratch: Block | null;
}

/**
 * What tfjs's CPU backend keeps of a tensor, of one that lies in shared memory. The view that stock kernels read takes
 * longer to make than many a job, and most tensors are read by jobs alone: it is made when it is asked for.
 */
class SharedTensor implements Block {
  private view: Float32Array | Int32Array | undefined;

  constructor(
    readonly bank: Bank,
    readonly pointer: number,
    readonly bytes: number,
    private readonly size: number,
    readonly dtype: tf.DataType,
    public refCount: number,
  ) {}

  get values(): Float32Array | Int32Array {
    const { heap } = this.bank;
    this.view ??= this.dtype === 'int32' ? heap.int32(this.pointer, this.size) : heap.float32(this.pointer, this.size);
    return this.view;
  }
}

/** Up to here weights and caches fill a memory; the rest of its 4 GiB is left to activations. */
const mostPinnedBytes = 3.5 * 2 ** 30;

/**
 * The tfjs backend `simd`: tfjs's own CPU backend with its tensors in shared WebAssembly memory where our jobs need them
 * there. A tensor moves into the memory the first time a job reads it. It is not a general fast backend: stock ops run as
 * they do on `cpu`, in plain JavaScript; the decoder's ops run as jobs of the thread pool.
 *
 * A memory ends at 4 GiB. What does not fit into the first goes into another, with threads of its own over it. Weights and
 * caches stay where they are and a job runs in their memory; activations, which are small, move there. Results do not
 * depend on how many memories there are.
 */
export class SimdBackend extends MathBackendCPU {
  readonly build: KernelBuild;
  /** Bytes that weights and caches may fill of each memory. */
  pinnedBytes = mostPinnedBytes;
  private readonly banks: Bank[] = [];
  /** Where the current job runs. */
  private current: Bank;
  private threads: number;
  /** Tensors and caches that jobs go to, rather than they to the jobs. */
  private readonly pinned = new WeakMap<object, Bank>();

  constructor(build: KernelBuild, threads: number) {
    super();
    this.build = build;
    this.threads = threads;
    this.current = this.open();
  }

  get heap(): Heap {
    return this.current.heap;
  }

  get pool(): ThreadPool {
    return this.current.pool;
  }

  /** Kept once all threads run. */
  get begun(): Promise<unknown> {
    return Promise.all(this.banks.map(({ pool }) => pool.begun));
  }

  /** How many memories there are. */
  get memories(): number {
    return this.banks.length;
  }

  /**
   * Chooses the memory that a job runs in: that of its cache or of its weights, else that of what it reads.
   * @param cache data of the KV cache that the job reads or writes
   */
  enter(inputs: tf.NamedTensorInfoMap, cache?: object): void {
    if (this.banks.length === 1) return;
    const tensors = Object.values(inputs).filter((tensor) => tensor !== undefined);
    const pinned = cache ?? tensors.map(({ dataId }) => dataId).find((dataId) => this.pinned.has(dataId));
    const read = tensors.map(({ dataId }) => this.shared(dataId)).find((tensor) => tensor !== undefined);
    this.current = (pinned && this.pinned.get(pinned)) ?? read?.bank ?? this.current;
  }

  /** Address of a tensor's values, moved into the current memory if they are not there yet. */
  pointer({ dataId }: tf.TensorInfo): number {
    const known = this.shared(dataId);
    if (known?.bank === this.current) return known.pointer;
    const { values, refCount } = this.data.get(dataId);
    const read = values as Float32Array | Int32Array;
    const moved = this.allocate(read.length, read instanceof Int32Array ? 'int32' : 'float32', refCount);
    moved.values.set(read);
    known?.bank.heap.release(known);
    this.data.delete(dataId);
    this.keep(dataId, moved);
    // Weights that a job needs beside others, as gate and down, move to these once.
    if (this.pinned.has(dataId)) this.pinned.set(dataId, this.current);
    return moved.pointer;
  }

  /** The same of a tensor that may be missing: jobs take address 0 for none. */
  pointerOrNull(tensor: tf.TensorInfo | undefined): number {
    return tensor ? this.pointer(tensor) : 0;
  }

  /** A new tensor whose values a job will write. */
  output(shape: number[], dtype: 'float32' | 'int32' = 'float32'): Output {
    const tensor = this.allocate(tf.util.sizeFromShape(shape), dtype, 1);
    const dataId = {};
    this.keep(dataId, tensor);
    return { info: { dataId, shape, dtype }, pointer: tensor.pointer };
  }

  /** A new tensor for packed weights, in a memory that has room, which becomes the current one. */
  weights(bytes: number): Output {
    this.current = this.bankFor(bytes);
    const output = this.output([bytes / 4]);
    this.pinned.set(output.info.dataId, this.current);
    return output;
  }

  /** Room for a KV cache. */
  cache(bytes: number, dtype: 'f32' | 'bf16'): { data: Float32Array | Uint16Array; address: number; release(): void } {
    const bank = this.bankFor(bytes);
    const { heap } = bank;
    const block = heap.allocate(bytes);
    const data = dtype === 'f32' ? heap.float32(block.pointer, bytes / 4) : heap.uint16(block.pointer, bytes / 2);
    this.pinned.set(data, bank);
    return { data, address: block.pointer, release: () => heap.release(block) };
  }

  /** Addresses of areas of the given sizes that last until the next call. */
  scratch(...bytes: readonly number[]): number[] {
    const { current } = this;
    const sizes = bytes.map((size) => Math.ceil(size / 64) * 64);
    const total = sizes.reduce((a, b) => a + b, 0);
    if (!current.scratch || current.scratch.bytes < total) {
      if (current.scratch) this.heap.release(current.scratch);
      current.scratch = this.heap.allocate(total * 1.5);
    }
    let at = current.scratch.pointer;
    return sizes.map((size) => {
      const pointer = at;
      at += size;
      return pointer;
    });
  }

  async setThreads(threads: number): Promise<void> {
    if (threads === this.threads) return;
    this.threads = threads;
    for (const bank of this.banks) {
      await bank.pool.close();
      bank.pool = new ThreadPool(this.build.module, bank.heap.memory, threads);
    }
    await this.begun;
  }

  /** Copies a stock kernel's output out of the shared memory if it is a view of another tensor's block. */
  keepOwn(dataId: tf.DataId): void {
    if (this.shared(dataId)) return;
    const data = this.data.get(dataId);
    if (data.values) data.values = ownValues(data.values) as Float32Array;
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    const tensor = this.data.has(dataId) ? this.shared(dataId) : undefined;
    const isGone = super.disposeData(dataId, force);
    if (isGone) tensor?.bank.heap.release(tensor);
    return isGone;
  }

  /** A copy: a view of the shared memory would change when the block is used again. */
  override readSync(dataId: tf.DataId): tf.BackendValues {
    return ownValues(super.readSync(dataId));
  }

  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    return this.readSync(dataId);
  }

  private allocate(size: number, dtype: 'float32' | 'int32', refCount: number): SharedTensor {
    const { pointer, bytes } = this.heap.allocate(size * 4);
    return new SharedTensor(this.current, pointer, bytes, size, dtype, refCount);
  }

  private keep(dataId: tf.DataId, tensor: SharedTensor): void {
    // tfjs reads `values`, and never writes them but here.
    this.data.set(dataId, tensor as unknown as ReturnType<typeof this.data.get>);
  }

  /** What is kept of a tensor that lies in shared memory. */
  private shared(dataId: tf.DataId): SharedTensor | undefined {
    const kept: unknown = this.data.get(dataId);
    return kept instanceof SharedTensor ? kept : undefined;
  }

  private bankFor(bytes: number): Bank {
    const known = this.banks.find(({ heap }) => heap.has(bytes, this.pinnedBytes));
    if (known) return known;
    const heap = new Heap(reservedBytes);
    // What no memory holds is refused before there are threads over this one.
    heap.release(heap.allocate(bytes));
    return this.open(heap);
  }

  private open(heap = new Heap(reservedBytes)): Bank {
    const bank = { heap, pool: new ThreadPool(this.build.module, heap.memory, this.threads), scratch: null };
    this.banks.push(bank);
    return bank;
  }
}

/** The values themselves, or a copy of those that lie in shared memory. */
function ownValues(values: tf.BackendValues): tf.BackendValues {
  if (!ArrayBuffer.isView(values) || !(values.buffer instanceof SharedArrayBuffer)) return values;
  return (values as Float32Array).slice();
}
