import type { BackendChoice } from '../../kernels/backends/choose.js';
import type { WeightDtype } from '../../kernels/ops/linear/index.js';
import { openCheckpoint, resolveModel } from '../../models/checkpoint/open.js';
import type { Engine } from './engine.js';
import { Device } from './local/device.js';
import { LocalEngine } from './local/local-engine.js';
import type { PassListener } from './pass-record.js';
import { ThreadEngine } from './thread/thread-engine.js';
import { openTokenizer } from './tokenizer/index.js';

export interface EngineOptions {
  readonly backend?: BackendChoice;
  /** How weights are kept; q8 and q4 are quantised on loading, in groups of 32. `auto`: as stored, where that is exact. */
  readonly dtype?: WeightDtype | 'auto';
  /** Cap on the model's KV cache, MiB. */
  readonly memory?: number;
  /** Threads of the simd backend, for all engines of its device; null = as many as run at once. */
  readonly threads?: number | null;
  /** A thread with a device and a memory of its own, beside the one that the process's other engines share. */
  readonly ownThread?: boolean;
  /** Hears of every forward pass. */
  readonly onPass?: PassListener;
}

/**
 * Opens the engine that a spec names: an embedded checkpoint (`abacus-qwen3-2m`) or a folder with config.json,
 * tokenizer.json and safetensors. Engines of one process share the device, unless `ownThread` is set.
 * @throws AttsError `usage` for an unknown model, `checkpoint` for one that cannot be read
 */
export async function openEngine(spec: string, { ownThread = false, ...options }: EngineOptions = {}): Promise<Engine> {
  const { backend = 'auto', dtype = 'auto', memory = 256, threads = null, onPass } = options;
  const folder = resolveModel(spec);
  const tokenizer = await openTokenizer(folder);
  if (ownThread) return ThreadEngine.open(spec, options, tokenizer);
  const device = await Device.open(backend, threads);
  const reopen = () => openCheckpoint(folder);
  const checkpoint = reopen();
  try {
    return device.use(() => new LocalEngine(checkpoint, tokenizer, device, { dtype, memory, onPass, reopen }));
  } finally {
    checkpoint.close();
  }
}
