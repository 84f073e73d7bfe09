/** What a forward pass costs beside its arithmetic, from models so small that they have hardly any. */
import * as tf from '@tensorflow/tfjs-core';
import { timed, warmUp } from '../../kernels/bench/measure.js';
import { KvCache, type RaggedRows } from '../../kernels/ops/attention/index.js';
import { Decoder } from '../../models/decoder.js';
import { openRandomEngine } from './engine-cases.js';
import { EngineTimer } from './engine-timer.js';
import { randomCheckpoint, smolLm2Shape } from './random-checkpoint.js';

/** Norm + QKV, rotation + append, attention, output, MLP. */
const opsOfLayer = 5;
const [few, many] = [2, 42];
const tiny = {
  ...{ ...smolLm2Shape, hidden_size: 8, intermediate_size: 8 },
  ...{ num_attention_heads: 1, num_key_value_heads: 1, vocab_size: 8 },
};

export interface PassOverhead {
  /** An op: the call, the tensor that it makes, the job. */
  readonly opMicroseconds: number;
  /** A sequence that writes a token: choosing its row, drawing, settling. */
  readonly sequenceMicroseconds: number;
  /** A token that is scored. */
  readonly tokenMicroseconds: number;
}

/** The simd backend is active. */
export async function passOverhead(threads: number): Promise<PassOverhead> {
  return { opMicroseconds: opMicroseconds(), ...(await engineMicroseconds(threads)) };
}

/** Microseconds an op, from what more layers add to a pass of one row. */
export function opMicroseconds(): number {
  const [short, long] = [few, many].map(passTime);
  return ((long - short) * 1000) / ((many - few) * opsOfLayer);
}

function passTime(layers: number): number {
  const decoder = Decoder.load(randomCheckpoint('tiny', { ...tiny, num_hidden_layers: layers }));
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

const repeats = 9;
const steps = 16;

/** From what more sequences add to a step, and more tokens to a score. */
async function engineMicroseconds(threads: number): Promise<Omit<PassOverhead, 'opMicroseconds'>> {
  const engine = await openRandomEngine('f32', threads, 'simd', { ...tiny, num_hidden_layers: 1 });
  try {
    const timer = new EngineTimer(engine, tiny.vocab_size);
    const slope = async (time: (count: number) => Promise<number>, least: number, most: number) => {
      const end = performance.now() + 500;
      while (performance.now() < end) {
        await time(least);
        await time(most);
      }
      const [a, b] = [await bestOf(() => time(least)), await bestOf(() => time(most))];
      return Math.max(0, (1000 * (b - a)) / (most - least));
    };
    return {
      sequenceMicroseconds: await slope((chains) => timer.decode(chains, steps), 1, 64),
      tokenMicroseconds: await slope((tokens) => timer.score(tokens), 16, 256),
    };
  } finally {
    await engine.close();
  }
}

/** After one that is not counted. */
async function bestOf(time: () => Promise<number>): Promise<number> {
  await time();
  let best = Infinity;
  for (let i = 0; i < repeats; i++) best = Math.min(best, await time());
  return best;
}
