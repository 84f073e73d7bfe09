/** Whole models through the local engine: what a chain costs, scheduling, cache and sampling included. */
import type { BackendChoice } from '../../kernels/backends/names.js';
import type { WeightDtype } from '../../kernels/ops/linear/index.js';
import type { Checkpoint } from '../../models/checkpoint/checkpoint.js';
import type { Engine, Tokenizer } from '../engine/engine.js';
import { Device } from '../engine/local/device.js';
import { LocalEngine } from '../engine/local/local-engine.js';
import { type LlamaShape, randomCheckpoint, smolLm2Shape } from './random-checkpoint.js';

const noTokenizer: Tokenizer = {
  ...{ fingerprint: 'none', stopIds: [], bosId: null, encode: () => [], encodeContinuation: () => [] },
  ...{ bytes: () => new Uint8Array(0), decode: () => '' },
  chat: () => ({ ids: [], text: '', fingerprint: 'none' }),
};

export async function openRandomEngine(
  dtype: WeightDtype,
  threads: number,
  backend: BackendChoice = 'simd',
  shape: LlamaShape = smolLm2Shape,
): Promise<Engine> {
  return openIdsEngine(randomCheckpoint('random', shape), dtype, threads, backend);
}

/** An engine on a checkpoint that is asked for ids alone, and never ends a text by itself. */
export async function openIdsEngine(
  checkpoint: Checkpoint,
  dtype: WeightDtype,
  threads: number,
  backend: BackendChoice = 'simd',
): Promise<Engine> {
  const device = await Device.open(backend, threads);
  return device.use(() => new LocalEngine(checkpoint, noTokenizer, device, { dtype, memory: 512 }));
}
