import type { BackendChoice } from '../../kernels/backends/names.js';
import type { CacheDtype } from '../../kernels/ops/attention/index.js';
import type { WeightDtype } from '../../kernels/ops/linear/index.js';
import { openCheckpoint, resolveModel } from '../../models/checkpoint/open.js';
import { AttsError } from '../errors.js';
import type { Engine } from './engine.js';
import { Device } from './local/device.js';
import { LocalEngine } from './local/local-engine.js';
import type { PassListener } from './pass-record.js';
import { isRemoteSpec } from './remote/spec.js';
import { ThreadEngine } from './thread/thread-engine.js';
import { openTokenizer } from './tokenizer/index.js';

export interface EngineOptions {
  readonly backend?: BackendChoice;
  /** How weights are kept; q8 and q4 are quantised on loading, in groups of 32. `auto`: as stored, where that is exact. */
  readonly dtype?: WeightDtype | 'auto';
  /** How keys and values are kept: bf16 halves their memory. Default f32. */
  readonly cacheDtype?: CacheDtype;
  /**
   * Cap on what the model takes beside its weights, MiB; default 512. 256 of it, at most half, are left to the runtime, the
   * tokenizer and the working memory of a pass; the rest holds the KV cache.
   */
  readonly memory?: number;
  /** Threads of the simd backend, for all engines of its device; null = as many as run at once. */
  readonly threads?: number | null;
  /** A thread with a device and a memory of its own, beside the one that the process's other engines share. */
  readonly ownThread?: boolean;
  /** Hears of every forward pass; of models on servers nobody does. */
  readonly onPass?: PassListener;
  /** Of the passes of a phase the first so many and every so many-th have their ops timed one by one; none unless given. */
  readonly timeOps?: number;
  /** Whether a model on servers must be able to score, which all others are. */
  readonly scores?: boolean;
  /** Hears in a line that a server went or came back, or that a GPU's memory made a cache smaller. */
  readonly onNote?: (note: string) => void;
}

/**
 * Opens the engine that a spec names: an embedded checkpoint (`abacus-qwen3-2m`), a folder with config.json,
 * tokenizer.json and safetensors, or a model on servers (`vllm://host:port`). Engines of one process share the device,
 * unless `ownThread` is set.
 * @throws AttsError `usage` for an unknown model, `checkpoint` for one that cannot be read, `engine` for servers that do
 * not answer or cannot do what is needed
 */
export async function openEngine(
  spec: string,
  { ownThread = false, scores, onNote, ...options }: EngineOptions = {},
): Promise<Engine> {
  if (isRemoteSpec(spec)) {
    // The connections' package is loaded by those alone who go to a server.
    const { openRemote } = await import('./remote/index.js');
    return openRemote(spec, { scores, onNote });
  }
  const { backend = 'auto', dtype = 'auto', cacheDtype, memory = 512, threads = null, onPass, timeOps } = options;
  const folder = resolveModel(spec);
  const tokenizer = await openTokenizer(folder);
  if (ownThread) return ThreadEngine.open(spec, { ...options, onNote }, tokenizer);
  const device = await Device.open(backend, threads);
  const reopen = () => openCheckpoint(folder);
  const checkpoint = reopen();
  let engine: LocalEngine | null = null;
  try {
    const own = { dtype, cacheDtype, memory, onPass, timeOps, reopen, onNote };
    engine = device.use(() => new LocalEngine(checkpoint, tokenizer, device, own));
    await engine.compileAhead();
    return engine;
  } catch (cause) {
    await engine?.close();
    // What a backend has no room or no program for: it does not know whose it is.
    if (!(cause instanceof AttsError && cause.code === 'engine')) throw cause;
    throw new AttsError('engine', `${checkpoint.id}: ${cause.message}`, { cause });
  } finally {
    checkpoint.close();
  }
}
