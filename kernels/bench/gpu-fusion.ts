import * as tf from '@tensorflow/tfjs-core';
import { webGpu } from '../backends/webgpu/index.js';
import { attention, KvCache } from '../ops/attention/index.js';
import { packHead, tokenLogProb } from '../ops/token-log-prob/index.js';
import { medianDeviceTime } from './gpu-roofs.js';
import { values } from './values.js';

/** A fused op beside the same work as stock tfjs kernels on the same device, in device time. */
export interface FusionResult {
  readonly op: string;
  readonly shape: string;
  readonly fusedMs: number;
  readonly unfusedMs: number;
  readonly ratio: number;
  /** Bytes of new buffers that either needed. */
  readonly fusedBytes: number;
  readonly unfusedBytes: number;
}

async function compare(
  op: string,
  shape: string,
  fused: () => tf.Tensor,
  unfused: () => tf.Tensor,
): Promise<FusionResult> {
  const { bufferManager, isSoftware } = webGpu();
  const measure = async (body: () => tf.Tensor) => {
    const before = bufferManager.numBytesAllocated;
    const run = () => tf.tidy(body).dispose();
    const ms = isSoftware ? await leastProcessorTime(run) : await medianDeviceTime(run, 3);
    return { ms, bytes: bufferManager.numBytesAllocated - before };
  };
  const [a, b] = [await measure(fused), await measure(unfused)];
  return {
    ...{ op, shape, fusedMs: a.ms, unfusedMs: b.ms, ratio: b.ms / a.ms },
    ...{ fusedBytes: a.bytes, unfusedBytes: b.bytes },
  };
}

/** Processor time of a software adapter's threads, milliseconds: other programs beside it change its clock, not its work. */
async function leastProcessorTime(run: () => void): Promise<number> {
  const backend = webGpu();
  await backend.deviceTime(run);
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 2; i++) {
    const before = process.cpuUsage();
    await backend.deviceTime(run);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

/** The verification op against product, logSoftmax and gather; attention against product, softmax and product. */
export async function compareFusions(): Promise<readonly FusionResult[]> {
  return [await compareTokenLogProb(), await compareAttention()];
}

async function compareTokenLogProb(): Promise<FusionResult> {
  const [T, V, d] = [64, 49_152, 576];
  const w = values(V * d);
  const head = packHead(w, V, d);
  const stock = tf.tensor2d(w, [V, d]);
  const hidden = tf.tensor2d(values(T * d, 2), [T, d]);
  const ids = Int32Array.from({ length: T }, (_, t) => (t * 7919) % V);
  const places = tf.tensor2d(
    Array.from(ids, (id, t) => [t, id]),
    [T, 2],
    'int32',
  );
  const result = await compare(
    'tokenLogProb',
    `[${T}, ${V}], d = ${d}`,
    () => tokenLogProb(hidden, head, ids),
    () => tf.gatherND(tf.logSoftmax(tf.matMul(hidden, stock, false, true)), places),
  );
  for (const owned of [head, stock, hidden, places]) owned.dispose();
  return result;
}

async function compareAttention(): Promise<FusionResult> {
  const [chains, cached, heads, kvHeads, headDim, pageSize] = [16, 1024, 9, 3, 64, 32];
  const each = cached / pageSize;
  const cache = new KvCache({ layers: 1, pages: chains * each, pageSize, kvHeads, headDim, dtype: 'f32' });
  const rows = {
    positions: new Int32Array(chains).fill(cached - 1),
    slots: new Int32Array(chains),
    tables: Int32Array.from({ length: chains }, (_, t) => t * each),
    pages: Int32Array.from({ length: chains * each }, (_, page) => page),
  };
  const q = tf.tensor2d(values(chains * heads * headDim, 2), [chains, heads * headDim]);
  const [keys, stored] = [3, 4].map((seed) =>
    tf.tensor3d(values(chains * kvHeads * cached * headDim, seed), [chains * kvHeads, cached, headDim]),
  );
  const result = await compare(
    'attention',
    `${chains} × ${cached} cached, ${heads}/${kvHeads} heads of ${headDim}`,
    () => attention(q, { cache, layer: 0, rows, heads, scale: 0.125, window: null }),
    () => {
      const queries = tf.reshape(q, [chains * kvHeads, heads / kvHeads, headDim]);
      return tf.matMul(tf.softmax(tf.mul(tf.matMul(queries, keys, false, true), 0.125)), stored);
    },
  );
  for (const owned of [cache, q, keys, stored]) owned.dispose();
  return result;
}
