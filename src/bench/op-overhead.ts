/** What an op costs in a forward pass beside its arithmetic: the call, the tensor it makes, the sharing of its work. */
import * as tf from '@tensorflow/tfjs-core';
import { timed, warmUp } from '../../kernels/bench/measure.js';
import { KvCache, type RaggedRows } from '../../kernels/ops/attention/index.js';
import { Decoder } from '../../models/decoder.js';
import { randomCheckpoint, smolLm2Shape } from './random-checkpoint.js';

/** Norm + QKV, rotation + append, attention, output, MLP. */
const opsOfLayer = 5;
const [few, many] = [2, 42];
/** So small that a pass is hardly anything but overhead. */
const tiny = { hidden_size: 8, intermediate_size: 8, num_attention_heads: 1, num_key_value_heads: 1, vocab_size: 8 };

/** Microseconds an op, from what more layers of a tiny model add to a pass of one row. The simd backend is active. */
export function opMicroseconds(): number {
  const [short, long] = [few, many].map(passTime);
  return ((long - short) * 1000) / ((many - few) * opsOfLayer);
}

function passTime(layers: number): number {
  const decoder = Decoder.load(randomCheckpoint('tiny', { ...smolLm2Shape, ...tiny, num_hidden_layers: layers }));
  const cache = new KvCache(decoder.cacheShape(1, 32));
  const zero = Int32Array.of(0);
  const rows: RaggedRows = { positions: zero, slots: zero, tables: zero, pages: zero };
  const pass = () => tf.dispose(decoder.forward(zero, rows, cache));
  warmUp(pass);
  const { best } = timed(pass);
  cache.dispose();
  decoder.dispose();
  return best;
}
