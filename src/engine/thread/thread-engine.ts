import { setMaxListeners } from 'node:events';
import { Worker } from 'node:worker_threads';
import { AttsError, wasClosed } from '../../errors.js';
import type {
  Engine,
  GenerateRequest,
  Generation,
  ModelInfo,
  Score,
  ScoreRequest,
  Timing,
  Tokenizer,
} from '../engine.js';
import type { EngineOptions } from '../open.js';
import type { PassListener } from '../pass-record.js';
import type { Call, Reply, ThreadData } from './messages.js';

interface Waiting {
  readonly onTokens?: GenerateRequest['onTokens'];
  resolve(result: Generation | Score | null): void;
  reject(error: AttsError): void;
}

type CallBody = Call extends infer C ? (C extends Call ? Omit<C, 'id'> : never) : never;

/**
 * A local engine on a thread, a device and a memory of its own, so that its forward passes run beside those of other
 * engines. The same calls give the same results, bit by bit, as an engine on the process's shared device.
 */
export class ThreadEngine implements Engine {
  readonly model: ModelInfo;
  readonly tokenizer: Tokenizer;
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  /** What turns times of the thread's clock into times of this one. */
  private readonly clockOffset: number;
  private readonly onPass: PassListener | undefined;
  private readonly onNote: EngineOptions['onNote'];
  private nextId = 0;
  private failure: AttsError | null = null;
  private closed: Promise<void> | null = null;

  private constructor(
    worker: Worker,
    opened: Extract<Reply, { kind: 'opened' }>,
    tokenizer: Tokenizer,
    { onPass, onNote }: Pick<EngineOptions, 'onPass' | 'onNote'>,
  ) {
    this.onPass = onPass;
    this.onNote = onNote;
    this.worker = worker;
    this.model = opened.model;
    this.tokenizer = tokenizer;
    this.clockOffset = opened.timeOrigin - performance.timeOrigin;
    worker.on('message', (reply: Reply) => this.receive(reply));
    worker.on('error', (error) => this.fail(`its thread failed: ${error.message}`));
    worker.on('exit', () => this.fail('its thread ended'));
    // An idle engine must not keep the process alive.
    worker.unref();
  }

  /** @throws AttsError as `openEngine` does */
  static async open(
    spec: string,
    { onPass, onNote, ...options }: EngineOptions,
    tokenizer: Tokenizer,
  ): Promise<ThreadEngine> {
    const workerData: ThreadData = { spec, options, tellsPasses: onPass !== undefined };
    const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData });
    let failed: (error: Error) => void = () => {};
    const first = await new Promise<Reply>((resolve, reject) => {
      failed = (error) => reject(new AttsError('engine', `${spec}: its thread failed: ${error.message}`));
      worker.once('message', resolve);
      worker.once('error', failed);
    });
    worker.off('error', failed);
    if (first.kind === 'opened') return new ThreadEngine(worker, first, tokenizer, { onPass, onNote });
    await worker.terminate();
    const { code, message } = first as Extract<Reply, { kind: 'error' }>;
    throw new AttsError(code, message);
  }

  async generate({ signal, onTokens, ...request }: GenerateRequest): Promise<Generation> {
    const call = { call: 'generate', request, tellsTokens: onTokens !== undefined } as const;
    const queued = performance.now();
    const result = (await this.call(call, signal, onTokens)) as Generation;
    return { ...result, timing: this.onThisClock(result.timing, queued) };
  }

  async score({ signal, ...request }: ScoreRequest): Promise<Score> {
    const queued = performance.now();
    const result = (await this.call({ call: 'score', request }, signal)) as Score;
    return { ...result, timing: this.onThisClock(result.timing, queued) };
  }

  close(): Promise<void> {
    this.closed ??= this.end();
    return this.closed;
  }

  private async end(): Promise<void> {
    if (!this.failure) await this.call({ call: 'close' });
    // Calls that the thread has not answered yet end with it.
    this.failure = wasClosed(this.model.id);
    await this.worker.terminate();
  }

  private async call(
    call: CallBody,
    signal?: AbortSignal,
    onTokens?: GenerateRequest['onTokens'],
  ): Promise<Generation | Score | null> {
    if (this.failure) throw this.failure;
    const id = this.nextId++;
    const abort = () => this.worker.postMessage({ id, call: 'abort' } satisfies Call);
    // One signal may end hundreds of chains at once.
    if (signal) setMaxListeners(0, signal);
    signal?.addEventListener('abort', abort, { once: true });
    // Calls under way do keep the process alive.
    this.worker.ref();
    try {
      return await new Promise((resolve, reject) => {
        this.waiting.set(id, { resolve, reject, onTokens });
        this.worker.postMessage({ id, ...call } satisfies Call);
        if (signal?.aborted) abort();
      });
    } finally {
      signal?.removeEventListener('abort', abort);
      this.waiting.delete(id);
      if (this.waiting.size === 0) this.worker.unref();
    }
  }

  private receive(reply: Reply): void {
    if (reply.kind === 'result') this.waiting.get(reply.id)?.resolve(reply.result);
    else if (reply.kind === 'tokens') this.waiting.get(reply.id)?.onTokens?.(reply.ids, reply.logProbs);
    else if (reply.kind === 'passes') {
      for (const pass of reply.passes) this.onPass?.({ ...pass, started: pass.started + this.clockOffset });
    } else if (reply.kind === 'note') this.onNote?.(reply.note);
    else if (reply.kind === 'error' && reply.id !== null) {
      this.waiting.get(reply.id)?.reject(new AttsError(reply.code, reply.message));
    }
  }

  /** Ends every call under way, and those to come, with one error. */
  private fail(what: string): void {
    this.failure ??= new AttsError('device', `${this.model.id}: ${what}`);
    for (const { reject } of this.waiting.values()) reject(this.failure);
  }

  /** @param queued when the call was made: the thread hears of it only when its pass is over */
  private onThisClock({ started, finished }: Timing, queued: number): Timing {
    const { clockOffset } = this;
    return { queued, started: started + clockOffset, finished: finished + clockOffset };
  }
}
