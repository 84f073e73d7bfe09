import { AttsError } from '../../../src/errors.js';
import { control, instantiate, type JobName, jobs, type KernelExports } from './control.js';
import { type PoolThread, startThread } from './host.js';

/** Milliseconds without the end of a job after which a worker thread is taken for dead. */
const stallLimit = 60_000;

/**
 * Runs jobs of the compiled module on the caller's thread and on `threads − 1` workers. A call returns when the job is
 * done on all of them. Results never depend on the number of threads.
 */
export class ThreadPool {
  private readonly kernels: KernelExports;
  private readonly words: Int32Array;
  private readonly floats: Float32Array;
  readonly workers: PoolThread[] = [];
  private failure: AttsError | null = null;
  private size: number;
  private isClosing = false;
  private started = 0;
  private readonly stallLimit: number;

  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory, threads: number, limit = stallLimit) {
    this.size = threads;
    this.stallLimit = limit;
    // A pool before this one has left its marks.
    new Int32Array(memory.buffer, 0, 1024).fill(0);
    // The control block lies in the first page: these views stay right however the memory grows.
    this.words = new Int32Array(memory.buffer, 0, 1024);
    this.floats = new Float32Array(memory.buffer, 0, 1024);
    this.kernels = instantiate(module, memory, () => this.checkStall());
    for (let index = 1; index < threads; index++) {
      const onEnd = (how: string) => {
        if (!this.isClosing) this.fail(`worker thread ${index} ${how}`);
      };
      this.workers.push(startThread({ module, memory, index }, onEnd));
    }
  }

  /**
   * Runs a job. Operands are 32-bit integers and addresses; those in `floats` are written as float32 instead.
   * @param threads 1 for work too small to share
   * @throws AttsError `engine` when a thread has failed or ended; the pool is of no use then
   */
  run(
    job: JobName,
    operands: readonly number[],
    floats?: Readonly<Record<number, number>>,
    threads = this.threads,
  ): void {
    if (this.failure) throw this.failure;
    const { words } = this;
    words[control.job / 4] = jobs[job];
    words[control.threads / 4] = threads;
    const first = control.operands / 4;
    for (let i = 0; i < operands.length; i++) words[first + i] = operands[i];
    if (floats) for (const index in floats) this.floats[first + Number(index)] = floats[index];
    this.started = 0;
    try {
      this.kernels.dispatch();
    } catch (cause) {
      throw this.failed(cause);
    }
  }

  /** Kept once all threads run: jobs before that are for a host whose threads begin by themselves. */
  get begun(): Promise<unknown> {
    return Promise.all(this.workers.map(({ begun }) => begun));
  }

  /** How many threads share a job. */
  get threads(): number {
    return this.size;
  }

  /** Ends the workers. Jobs in the meantime run on the caller's thread alone. */
  async close(): Promise<void> {
    this.isClosing = true;
    this.size = 1;
    this.stop();
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  /** Called now and then while a job waits for another thread. */
  private checkStall(): void {
    const now = performance.now();
    if (this.started === 0) this.started = now;
    const index = Atomics.load(this.words, control.failed / 4);
    if (index !== 0) throw new Error(`worker thread ${index} failed`);
    if (now - this.started > this.stallLimit) throw new Error('a worker thread does not answer');
  }

  private failed(cause: unknown): AttsError {
    const index = Atomics.load(this.words, control.failed / 4);
    const what = index !== 0 ? `worker thread ${index} failed` : cause instanceof Error ? cause.message : String(cause);
    this.fail(what, cause);
    return this.failure as AttsError;
  }

  private fail(what: string, cause?: unknown): void {
    this.failure ??= new AttsError('engine', `the CPU kernels stopped: ${what}; start the command again`, { cause });
    this.stop();
  }

  private stop(): void {
    Atomics.store(this.words, control.stop / 4, 1);
    Atomics.add(this.words, control.epoch / 4, 1);
    Atomics.notify(this.words, control.epoch / 4);
  }
}
