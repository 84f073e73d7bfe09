import { kernelBuild } from '../../../kernels/backends/choose.js';
import { type CacheDtype, type KvCacheShape, pageBytes } from '../../../kernels/ops/attention/index.js';
import type { WeightDtype } from '../../../kernels/ops/linear/index.js';
import type { Checkpoint } from '../../../models/checkpoint/checkpoint.js';
import { Decoder } from '../../../models/decoder.js';
import { AttsError, wasClosed } from '../../errors.js';
import { reasonOf } from '../../io-error.js';
import type {
  Engine,
  EngineLoad,
  GenerateRequest,
  Generation,
  ModelInfo,
  Score,
  ScoreRequest,
  Timing,
  Tokenizer,
  TokenText,
  Usage,
} from '../engine.js';
import type { PassListener } from '../pass-record.js';
import { batchLimits, pageSize } from './batching.js';
import type { Device } from './device.js';
import { ModelRunner } from './model-runner.js';
import { OpSampling } from './op-sampling.js';
import { PagePool } from './page-pool.js';
import { type ScheduledRows, Scheduler } from './scheduler.js';
import { Sequence, type SequenceResult } from './sequence.js';

/** MiB of a model's memory that do not go to its cache, but to the runtime, the tokenizer and a pass; half of a small one. */
const besideCache = 256;

export interface LocalEngineOptions {
  readonly dtype: WeightDtype | 'auto';
  readonly cacheDtype?: CacheDtype;
  /** What the model may take beside its weights, MiB. */
  readonly memory: number;
  readonly onPass?: PassListener;
  readonly timeOps?: number;
  /** Opens the checkpoint again, for a device that replaces a lost one. */
  readonly reopen?: () => Checkpoint & { close(): void };
  /** Hears in a line that the cache became smaller than it was asked to be. */
  readonly onNote?: (note: string) => void;
}

/** Lost devices in a row, without a pass between, after which an engine gives up. */
const mostLosses = 3;

/** A checkpoint run in this process: the batcher around a decoder on the shared device. */
export class LocalEngine implements Engine {
  readonly model: ModelInfo;
  readonly tokenizer: Tokenizer;
  private decoder: Decoder;
  private readonly device: Device;
  private readonly scheduler: Scheduler;
  private runner: ModelRunner;
  private readonly sampling: OpSampling | null;
  private cacheShape: KvCacheShape;
  /** What the weights lie on. */
  private hardware: object | null;
  private losses = 0;
  /** Of the device, that the cache has been made smaller for. */
  private shortages: number;
  private readonly options: LocalEngineOptions;
  private readonly stopIds: ReadonlySet<number>;
  private failure: Error | null = null;
  private closed: Promise<void> | null = null;
  /** The pass under way, or the last one. */
  private passing: Promise<void> = Promise.resolve();

  constructor(checkpoint: Checkpoint, tokenizer: Tokenizer, device: Device, options: LocalEngineOptions) {
    this.tokenizer = tokenizer;
    this.device = device;
    this.options = options;
    this.hardware = device.hardware;
    this.shortages = device.shortages;
    this.decoder = Decoder.load(checkpoint, options.dtype);
    this.sampling = options.timeOps ? new OpSampling(options.timeOps) : null;
    try {
      this.cacheShape = cacheShapeOf(this.decoder, checkpoint.id, options);
      this.runner = new ModelRunner(this.decoder, this.cacheShape, this.sampling);
    } catch (refusal) {
      this.decoder.dispose();
      throw refusal;
    }
    const { config } = this.decoder;
    this.scheduler = new Scheduler(new PagePool(this.cacheShape.pages, pageSize), batchLimits, (from, to, tokens) =>
      this.runner.copyPage(from, to, tokens),
    );
    this.stopIds = new Set([...config.stopIds, ...tokenizer.stopIds]);
    this.model = {
      id: checkpoint.id,
      family: config.family,
      parameters: this.decoder.parameters,
      dtype: this.decoder.dtype,
      fingerprint: tokenizer.fingerprint,
      contextLength: config.contextLength,
      backend: device.backend,
      build: kernelBuild(device.backend),
      hash: checkpoint.hash,
    };
    device.add(this);
  }

  /** Compiles what its passes run, before a request waits for it. */
  async compileAhead(): Promise<void> {
    await this.device.use(() => this.runner.compileAhead());
  }

  get pending(): number {
    return this.scheduler.pending;
  }

  get load(): EngineLoad {
    return this.scheduler.load;
  }

  /** How often the memory cap made a sequence give up its pages. */
  get preemptions(): number {
    return this.scheduler.preemptions;
  }

  async generate(request: GenerateRequest): Promise<Generation> {
    this.check(request.prefix);
    if (request.maxTokens < 1) throw new AttsError('engine', 'generate: maxTokens must be at least 1');
    const room = this.model.contextLength - request.prefix.ids.length;
    if (room < 1) throw this.tooLong(request.prefix.ids.length + 1);
    const sequence = Sequence.generate(request);
    const longest = request.prefix.ids.length + Math.min(room, request.maxTokens);
    const result = await this.submit(sequence, longest);
    return {
      ids: result.generated,
      text: this.tokenizer.decode(result.generated),
      fingerprint: this.tokenizer.fingerprint,
      finish: result.finish,
      ...sequence.logProbsFrom(0),
      usage: usageOf(sequence, { generated: result.generated.length, scored: 0 }),
      timing: timingOf(sequence),
    };
  }

  async score(request: ScoreRequest): Promise<Score> {
    this.check(request.prefix);
    this.check(request.chunk);
    if (request.prefix.ids.length === 0)
      throw new AttsError('score', 'score: the prefix is empty; give at least one token');
    if (request.chunk.ids.length === 0) throw new AttsError('score', 'score: the chunk is empty');
    const length = request.prefix.ids.length + request.chunk.ids.length;
    if (length > this.model.contextLength) throw this.tooLong(length);
    const sequence = Sequence.score(request);
    await this.submit(sequence, length);
    const { logProbs } = sequence;
    if (logProbs.length !== request.chunk.ids.length || !logProbs.every(Number.isFinite)) {
      throw new AttsError('score', `${this.model.id} gave a log-probability that is not a finite number`);
    }
    const usage = usageOf(sequence, { generated: 0, scored: logProbs.length });
    return { logProbs, ...sequence.logProbsFrom(0), usage, timing: timingOf(sequence) };
  }

  close(): Promise<void> {
    this.closed ??= this.end();
    return this.closed;
  }

  private async end(): Promise<void> {
    this.failure = wasClosed(this.model.id);
    this.scheduler.fail(this.failure);
    this.device.remove(this);
    await this.passing;
    this.runner.dispose();
    this.decoder.dispose();
  }

  /** One forward pass. A failure ends every request with its cause, never the process. */
  step(): Promise<void> {
    this.passing = this.pass();
    return this.passing;
  }

  private async pass(): Promise<void> {
    try {
      if (this.hardware !== this.device.hardware) return await this.move();
      const batch = this.scheduler.schedule();
      if (batch.length === 0) return;
      const started = performance.now();
      const { tokens, clock, ...counts } = await this.runner.run(batch);
      const finished = performance.now();
      const ops = clock ? await clock.times() : undefined;
      // Reading a device's clock is no work of the run.
      const readMilliseconds = ops ? performance.now() - finished : 0;
      if (this.failure) return; // closed meanwhile
      const { onPass } = this.options;
      if (onPass) {
        const sequences = batch.map(({ sequence, rows }) => ({ cached: sequence.numComputed, rows }));
        const hostSeconds = (started - this.device.idleSince) / 1000;
        const { ended } = this.device;
        const pages = this.scheduler.heldPages;
        onPass({
          ...{ sequences, ...counts, started, pages, ops },
          ...{ seconds: (finished - started) / 1000, hostSeconds, ended },
        });
      }
      this.device.idleSince = finished + readMilliseconds;
      const { pending } = this;
      for (const entry of batch) this.settle(entry, tokens.get(entry));
      this.device.ended = pending - this.pending;
      this.losses = 0;
    } catch (cause) {
      // Requests of a lost device wait for the next pass, which begins with another one.
      if (this.device.hardware === null && this.options.reopen && ++this.losses <= mostLosses) return;
      const message = cause instanceof AttsError ? cause.message : `forward pass failed: ${reasonOf(cause)}`;
      this.failure ??= new AttsError('device', `${this.model.id}: ${message}`, { cause });
      this.scheduler.fail(this.failure);
    }
  }

  /** Brings the weights to the device that replaces a lost one. Requests are computed anew, to the same results. */
  private async move(): Promise<void> {
    if (this.device.hardware === null) await this.device.reopen();
    // Whose weights follow, whatever becomes of it meanwhile.
    const { hardware } = this.device;
    const checkpoint = this.options.reopen?.();
    if (!checkpoint) throw new AttsError('engine', 'the device was lost');
    if (this.shortages < this.device.shortages) this.shrink();
    this.runner.dispose();
    this.decoder.dispose();
    try {
      this.decoder = Decoder.load(checkpoint, this.options.dtype);
    } finally {
      checkpoint.close();
    }
    this.runner = new ModelRunner(this.decoder, this.cacheShape, this.sampling);
    this.scheduler.restart(new PagePool(this.cacheShape.pages, pageSize));
    await this.compileAhead();
    this.hardware = hardware;
  }

  /** Halves the cache, for a device that has no memory for all of it. */
  private shrink(): void {
    this.shortages = this.device.shortages;
    const pages = Math.max(1, this.cacheShape.pages >> 1);
    const mebibytes = (pages * pageBytes(this.cacheShape)) / 2 ** 20;
    this.cacheShape = { ...this.cacheShape, pages };
    this.options.onNote?.(
      `${this.model.id}: the GPU has no memory left; going on with a cache of ${mebibytes.toPrecision(3)} MiB`,
    );
  }

  private settle(entry: ScheduledRows, token: number | undefined): void {
    const { sequence } = entry;
    this.scheduler.computed(entry);
    if (sequence.kind === 'score') {
      if (sequence.numToCompute === 0) this.finish(sequence, 'length');
    } else if (token !== undefined) {
      sequence.ids.push(token);
      sequence.onTokens?.([token], sequence.logProbsFrom(sequence.numGenerated - 1));
      const finish = this.finishOf(sequence, token);
      if (finish) this.finish(sequence, finish);
    }
  }

  private finishOf(sequence: Sequence, token: number): SequenceResult['finish'] | null {
    if (this.stopIds.has(token) && sequence.numGenerated >= sequence.minTokens) return 'stop-token';
    if (sequence.stop.length > 0) {
      const text = this.tokenizer.decode(sequence.ids.slice(sequence.promptLength));
      if (sequence.stop.some((stop) => text.includes(stop))) return 'stop-string';
    }
    if (sequence.numGenerated >= sequence.maxTokens) return 'length';
    return sequence.ids.length >= this.model.contextLength ? 'context' : null;
  }

  private finish(sequence: Sequence, finish: SequenceResult['finish']): void {
    this.scheduler.finish(sequence);
    sequence.finished = performance.now();
    const generated = sequence.ids.slice(sequence.promptLength);
    sequence.resolve({ generated, finish });
  }

  private submit(sequence: Sequence, longest: number): Promise<SequenceResult> {
    if (this.failure) throw this.failure;
    this.scheduler.add(sequence, longest);
    this.device.wake();
    return sequence.result;
  }

  private check(text: TokenText): void {
    const foreign = text.ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < this.decoder.config.vocabSize));
    if (foreign !== undefined) {
      throw new AttsError(
        'usage',
        `${this.model.id}: token id ${foreign} is not in its vocabulary of ${this.decoder.config.vocabSize}`,
      );
    }
    if (text.fingerprint !== this.tokenizer.fingerprint) {
      throw new AttsError('engine', `${this.model.id}: these token ids were made by another tokenizer`);
    }
  }

  private tooLong(length: number): AttsError {
    return new AttsError(
      'length',
      `${length} tokens are over the context of ${this.model.id} (${this.model.contextLength})`,
    );
  }
}

/** The largest cache that `--memory` leaves room for. @throws AttsError `usage` where that is not a page */
function cacheShapeOf(decoder: Decoder, id: string, { memory, cacheDtype }: LocalEngineOptions): KvCacheShape {
  const bytes = pageBytes(decoder.cacheShape(0, pageSize, cacheDtype));
  const forCache = memory - Math.min(besideCache, memory / 2);
  const pages = Math.floor((forCache * 2 ** 20) / bytes);
  if (pages < 1) {
    const least = Math.ceil((2 * bytes) / 2 ** 20);
    throw new AttsError('usage', `--memory ${memory} holds no KV page of ${id}; give at least ${least}`);
  }
  return decoder.cacheShape(pages, pageSize, cacheDtype);
}

function usageOf(sequence: Sequence, counts: { generated: number; scored: number }): Usage {
  return { prompt: sequence.promptLength, cached: sequence.numCachedTokens, ...counts };
}

function timingOf({ queued, started, finished }: Sequence): Timing {
  return { queued, started, finished };
}
