import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { AttsError, firstLine } from '../../../src/errors.js';
import { isSoftwareAdapter } from '../software-adapter.js';
import type { Gpu } from './adapter.js';
import { TimestampClock } from './op-clock.js';
import { Programs } from './programs.js';

/** What of tfjs's backend is private and shared with its own kernels: the pass that is being recorded. */
interface Recording {
  commandEncoder: GPUCommandEncoder | null;
  computePassEncoder: GPUComputePassEncoder | null;
  commandQueueOwnedIds: WeakSet<tf.DataId>;
}

/** Counters of what was sent to the device, for tests and measurements. */
export interface DeviceCounts {
  dispatches: number;
  submits: number;
}

/** Uniform buffers are kept by content, up to so many. */
const mostUniforms = 4096;

/**
 * The tfjs backend `webgpu`: tfjs's own on a device of ours, which stock kernels and the decoder's share. Our kernels
 * record into the same compute pass, so that order is kept and nothing is submitted before somebody reads.
 */
export class AttsWebGpuBackend extends WebGPUBackend {
  readonly info: GPUAdapterInfo;
  readonly counts: DeviceCounts = { dispatches: 0, submits: 0 };
  /** Neighbouring threads that exchange values without workgroup memory (lanes.ts). */
  lanes = 1;
  /** Whether float16 weights are multiplied in float16, which changes bits. */
  f16: boolean;
  readonly programs: Programs;
  private readonly uniforms = new Map<string, GPUBuffer>();
  /** Buffers that belong to one tensor and go with it: weights. */
  private readonly owned = new WeakMap<object, GPUBuffer>();
  /** Small arrays of the pass that is being recorded, by the object they were made from. */
  private uploads = new Map<object, GPUBuffer>();
  /** Free buffers of such arrays, by size, and those that the recorded commands still read. */
  private readonly freeUploads = new Map<number, GPUBuffer[]>();
  private doomed: GPUBuffer[] = [];
  private failure: AttsError | null = null;
  /** Of the pass whose ops are being timed. */
  private clock: TimestampClock | null = null;
  /** The device is gone: another one can go on with the work, once the weights are there. */
  isLost = false;
  /** How often it, and those that it replaces, had no memory left. */
  shortages: number;

  constructor({ device, info }: Gpu, shortages = 0) {
    super(device, info);
    this.shortages = shortages;
    this.info = info;
    this.f16 = device.features.has('shader-f16');
    this.programs = new Programs(device);
    // Without listeners tfjs goes on after an error, with whatever lies in the buffers.
    device.addEventListener('uncapturederror', (event) => {
      const { error } = event as GPUUncapturedErrorEvent;
      if (error instanceof GPUOutOfMemoryError) this.runOut();
      else this.fail(error.message);
    });
    void device.lost.then(({ reason, message }) => {
      this.isLost = true;
      this.fail(`the device was lost (${reason || 'unknown'}): ${message}`);
    });
  }

  /** Whether the device has failed; nothing that it gives is of use then. */
  get hasFailed(): boolean {
    return this.failure !== null;
  }

  /** An adapter that runs on the processor. */
  get isSoftware(): boolean {
    return isSoftwareAdapter(`${this.info.architecture} ${this.info.description}`);
  }

  private get recording(): Recording {
    return this as unknown as Recording;
  }

  /** @throws AttsError `engine` once the device has failed */
  check(): void {
    if (this.failure) throw this.failure;
  }

  /** What was to lie in the missing memory is not there: the device is given up, and another one can go on with less. */
  private runOut(): AttsError {
    if (!this.failure) {
      this.failure = new AttsError('engine', 'the GPU has no memory left; use a smaller --dtype or a lower --memory');
      this.shortages++;
      this.isLost = true;
      // Not within the call that had no room, which may hold the device's lock.
      queueMicrotask(() => this.device.destroy());
    }
    return this.failure;
  }

  private fail(what: unknown): void {
    this.failure ??= new AttsError('engine', `the GPU stopped: ${firstLine(what)}; start the command again`);
  }

  /** The device buffer of a tensor; its values are uploaded the first time. */
  buffer(tensor: tf.TensorInfo): GPUBuffer {
    this.uploadToGPU(tensor.dataId);
    return this.tensorMap.get(tensor.dataId).resource as GPUBuffer;
  }

  /** The same of a tensor that may be missing. */
  bufferOrNone(tensor: tf.TensorInfo | undefined): GPUBuffer | undefined {
    return tensor && this.buffer(tensor);
  }

  /**
   * A new tensor that a kernel is to write. Its buffer comes from tfjs's pool, in a size that others share, and goes back
   * the moment the tensor is disposed: commands of one queue keep their order.
   */
  output(shape: number[], dtype: 'float32' | 'int32' = 'float32'): { info: tf.TensorInfo; buffer: GPUBuffer } {
    const info = this.makeTensorInfo(shape, dtype);
    const buffer = this.scratch(tf.util.sizeFromShape(shape) * 4);
    this.tensorMap.get(info.dataId).resource = buffer;
    return { info, buffer };
  }

  /** A pooled buffer of at least so many bytes. */
  scratch(bytes: number): GPUBuffer {
    return this.bufferManager.acquireBuffer(sizeClass(bytes), storageUsage);
  }

  release(buffer: GPUBuffer): void {
    this.bufferManager.releaseBuffer(buffer);
  }

  /** A new tensor over a buffer of its own, filled by the caller before it returns. */
  weights(bytes: number, fill: (bytes: Uint8Array) => void): tf.TensorInfo {
    const size = Math.ceil(bytes / 16) * 16;
    const cure = 'use a smaller --dtype, or --backend simd';
    const buffer = this.allocate(size, 'one matrix', { cure, mappedAtCreation: true });
    fill(new Uint8Array(buffer.getMappedRange()));
    buffer.unmap();
    const info = this.makeTensorInfo([size / 4], 'float32');
    const data = this.tensorMap.get(info.dataId);
    data.resource = buffer;
    data.external = true;
    this.owned.set(info.dataId, buffer);
    return info;
  }

  /**
   * A buffer outside the pool, for weights and caches. A device without so much memory says so, if not at once, at the
   * next dispatch or read.
   * @param cure what would make it smaller
   * @throws AttsError `engine` where the device has no such buffer
   */
  allocate(bytes: number, what: string, { cure = 'lower --memory', mappedAtCreation = false } = {}): GPUBuffer {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (bytes > most) {
      throw new AttsError(
        'engine',
        `${what} takes ${mebibytes(bytes)} MiB and a buffer of this GPU holds ${mebibytes(most)}; ${cure}`,
      );
    }
    try {
      return this.device.createBuffer({ size: bytes, usage: storageUsage, mappedAtCreation });
    } catch {
      // What is to be mapped at once throws.
      throw this.runOut();
    }
  }

  /** Destroys a buffer as soon as no recorded command needs it. */
  destroyLater(buffer: GPUBuffer): void {
    if (this.recording.commandEncoder) this.doomed.push(buffer);
    else buffer.destroy();
  }

  /**
   * 32-bit words that are the same for many dispatches; buffers of one content are one.
   * @param floats in the place of the integers at their indices, as the jobs of the CPU have them
   */
  uniform(integers: readonly number[], floats: Readonly<Record<number, number>> = {}): GPUBuffer {
    const words = new Uint32Array(integers);
    const view = new Float32Array(words.buffer);
    for (const at in floats) view[at] = floats[at];
    const key = words.join();
    const known = this.uniforms.get(key);
    if (known) return known;
    if (this.uniforms.size >= mostUniforms) {
      for (const buffer of this.uniforms.values()) this.destroyLater(buffer);
      this.uniforms.clear();
    }
    const size = Math.ceil(words.byteLength / 16) * 16;
    const buffer = this.device.createBuffer({ size, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    this.queue.writeBuffer(buffer, 0, words);
    this.uniforms.set(key, buffer);
    return buffer;
  }

  /** Integers or floats of this pass, uploaded once for all dispatches that name the same owner. */
  upload(owner: object, values: () => Int32Array | Float32Array): GPUBuffer {
    const known = this.uploads.get(owner);
    if (known) return known;
    const words = values();
    const size = sizeClass(Math.max(16, words.byteLength));
    const buffer =
      this.freeUploads.get(size)?.pop() ??
      this.device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
    this.queue.writeBuffer(buffer, 0, words as Int32Array<ArrayBuffer>);
    this.uploads.set(owner, buffer);
    return buffer;
  }

  /**
   * Records one dispatch; or nothing, while programs are only named.
   * @param key names the code: everything that changes it is in the key
   * @param code WGSL with bindings 0, 1, … of group 0, each of them used
   */
  dispatch(
    key: string,
    code: () => string,
    buffers: readonly (GPUBuffer | undefined)[],
    workgroups: readonly [number, number?, number?],
  ): void {
    this.check();
    const program = this.programs.get(key, code);
    if (!program) return;
    const { pipeline, layout } = program;
    const bound = buffers.filter((buffer) => buffer !== undefined);
    const group = this.device.createBindGroup({
      layout,
      entries: bound.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    const pass = this.pass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...(workgroups as [number, number?, number?]));
    this.counts.dispatches++;
  }

  /**
   * Compiles what a body would run before somebody waits for it. A software adapter takes seconds for each program, and
   * compiles those alone that are run.
   */
  async compileAhead(body: () => void): Promise<void> {
    if (!this.isSoftware) await this.programs.compile(this.programs.namedBy(body));
  }

  /** Copies between buffers, in order with the dispatches. */
  copy(from: GPUBuffer, fromOffset: number, to: GPUBuffer, toOffset: number, bytes: number): void {
    this.ensureCommandEncoderReady();
    this.endComputePassEncoder();
    this.recording.commandEncoder!.copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
  }

  /** Values of several tensors, with one submit. @throws AttsError `engine` once the device has failed */
  async readAll(tensors: readonly tf.TensorInfo[]): Promise<tf.TypedArray[]> {
    this.check();
    const sizes = tensors.map(({ shape }) => tf.util.sizeFromShape(shape) * 4);
    const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
    const total = sizes.reduce((a, b) => a + b, 0);
    const size = sizeClass(Math.max(total, 16));
    const staging = this.bufferManager.acquireBuffer(size, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ);
    for (const [i, tensor] of tensors.entries()) {
      if (sizes[i] > 0) this.copy(this.buffer(tensor), 0, staging, starts[i], sizes[i]);
    }
    if (this.recording.commandEncoder) this.submitQueue();
    await this.map(staging);
    const bytes = staging.getMappedRange(0, size).slice(0);
    staging.unmap();
    this.bufferManager.releaseBuffer(staging);
    return tensors.map(({ dtype }, i) =>
      dtype === 'int32' || dtype === 'bool'
        ? new Int32Array(bytes, starts[i], sizes[i] / 4)
        : new Float32Array(bytes, starts[i], sizes[i] / 4),
    );
  }

  /** Exactly the tensor's values, whatever the size of its buffer. */
  override async read(dataId: object): Promise<tf.backend_util.BackendValues> {
    const { values, resource, shape, dtype } = this.tensorMap.get(dataId);
    if (values !== null && values !== undefined) return values;
    if (!(resource instanceof GPUBuffer) || (dtype !== 'float32' && dtype !== 'int32')) return super.read(dataId);
    const [read] = await this.readAll([{ dataId, shape, dtype }]);
    return read;
  }

  /**
   * Milliseconds that the device takes for what the body records, by timestamps around it, or by the clock where the
   * adapter has none. What the body reads must have been uploaded before.
   */
  async deviceTime(body: () => void): Promise<number> {
    if (this.recording.commandEncoder) {
      this.endComputePassEncoder();
      this.submitQueue();
    }
    await this.queue.onSubmittedWorkDone();
    this.ensureCommandEncoderReady();
    const started = performance.now();
    if (!this.device.features.has('timestamp-query')) {
      body();
      this.endComputePassEncoder();
      this.submitQueue();
      await this.queue.onSubmittedWorkDone();
      return performance.now() - started;
    }
    const querySet = this.device.createQuerySet({ type: 'timestamp', count: 2 });
    this.recording.computePassEncoder = this.recording.commandEncoder!.beginComputePass({
      timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    });
    body();
    const [begin, end] = await this.readStamps(querySet, 2);
    querySet.destroy();
    return Number(end - begin) / 1e6;
  }

  /** Times the ops of what is recorded next; null where the adapter has no timestamps. Ends with its `times`. */
  startClock(): TimestampClock | null {
    if (!this.device.features.has('timestamp-query')) return null;
    this.clock = new TimestampClock(this, () => {
      this.clock = null;
    });
    return this.clock;
  }

  /** Values of a set's first queries, nanoseconds, once all that was recorded is done. */
  async readStamps(set: GPUQuerySet, count: number): Promise<BigUint64Array> {
    const size = 8 * count;
    const resolved = this.device.createBuffer({
      size,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    const staging = this.device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    this.ensureCommandEncoderReady();
    this.endComputePassEncoder();
    this.recording.commandEncoder!.resolveQuerySet(set, 0, count, resolved, 0);
    this.recording.commandEncoder!.copyBufferToBuffer(resolved, 0, staging, 0, size);
    this.submitQueue();
    await this.map(staging);
    const stamps = new BigUint64Array(staging.getMappedRange().slice(0));
    for (const owned of [resolved, staging]) owned.destroy();
    return stamps;
  }

  /** Maps a buffer to be read. @throws AttsError `engine` once the device has failed */
  private async map(staging: GPUBuffer): Promise<void> {
    try {
      await staging.mapAsync(GPUMapMode.READ);
    } catch (cause) {
      // A lost device rejects first and says so a moment later.
      await Promise.race([this.device.lost, new Promise((resolve) => setTimeout(resolve, 100))]);
      this.fail(cause);
    }
    this.check();
  }

  override submitQueue(): void {
    super.submitQueue();
    this.counts.submits++;
    for (const buffer of this.uploads.values()) {
      const list = this.freeUploads.get(buffer.size);
      if (list) list.push(buffer);
      else this.freeUploads.set(buffer.size, [buffer]);
    }
    this.uploads.clear();
    for (const buffer of this.doomed) buffer.destroy();
    this.doomed = [];
  }

  override disposeData(dataId: object, force = false): boolean {
    const isGone = super.disposeData(dataId, force);
    const buffer = isGone ? this.owned.get(dataId) : undefined;
    if (buffer) {
      this.owned.delete(dataId);
      this.destroyLater(buffer);
    }
    return isGone;
  }

  private pass(): GPUComputePassEncoder {
    const { recording } = this;
    this.ensureCommandEncoderReady();
    recording.computePassEncoder ??= recording.commandEncoder!.beginComputePass({
      timestampWrites: this.clock?.next(),
    });
    return recording.computePassEncoder;
  }
}

const storageUsage = 0x80 | 0x04 | 0x08; // STORAGE | COPY_SRC | COPY_DST, as tfjs's own buffers

/** Sizes in eight steps an octave: a pass of any number of rows finds its buffers in the pool. */
function sizeClass(bytes: number): number {
  if (bytes <= 512) return Math.max(64, Math.ceil(bytes / 64) * 64);
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 3);
  return Math.ceil(bytes / step) * step;
}

const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
