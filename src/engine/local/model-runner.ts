import * as tf from '@tensorflow/tfjs-core';
import { KvCache, type KvCacheShape, type RaggedRows } from '../../../kernels/ops/attention/index.js';
import { sample } from '../../../kernels/ops/sample/index.js';
import { logits, tokenLogProb } from '../../../kernels/ops/token-log-prob/index.js';
import { topLogProbs } from '../../../kernels/ops/token-log-prob/top.js';
import { toFloat32 } from '../../../kernels/tfjs.js';
import type { Decoder } from '../../../models/decoder.js';
import { uniformAt } from './random.js';
import type { ScheduledRows } from './scheduler.js';

/** Turns scheduled rows into one ragged forward pass and hands every sequence what it asked for. */
export class ModelRunner {
  private readonly decoder: Decoder;
  private readonly cache: KvCache;

  constructor(decoder: Decoder, cache: KvCacheShape) {
    this.decoder = decoder;
    this.cache = new KvCache(cache);
  }

  /** Copies the first tokens of a page, over all layers. */
  copyPage(from: number, to: number, tokens: number): void {
    this.cache.copyPage(from, to, tokens);
  }

  dispose(): void {
    this.cache.dispose();
  }

  /**
   * Runs the pass. A sequence whose last row is in it gets its next token (`tokens`, by sequence); rows of a score get
   * their log-probabilities, written to the sequence.
   */
  run(batch: readonly ScheduledRows[]): { tokens: Map<ScheduledRows, number>; sampled: number; scored: number } {
    const { ids, rows } = this.raggedRows(batch);
    const drawing: { entry: ScheduledRows; row: number }[] = [];
    const scoring: { entry: ScheduledRows; row: number; position: number }[] = [];
    let first = 0;
    for (const entry of batch) {
      const { sequence } = entry;
      if (sequence.kind === 'generate') {
        if (entry.rows === sequence.numToCompute) drawing.push({ entry, row: first + entry.rows - 1 });
      } else {
        for (let i = 0; i < entry.rows; i++) {
          const position = sequence.numComputed + i;
          if (position >= sequence.promptLength - 1) scoring.push({ entry, row: first + i, position });
        }
      }
      first += entry.rows;
    }
    const hidden = this.decoder.forward(ids, rows, this.cache); // [T, d]
    const tokens = new Map<ScheduledRows, number>();
    tf.tidy(() => {
      if (scoring.length > 0) {
        const asked = Int32Array.from(scoring, ({ entry, position }) => entry.sequence.ids[position + 1]);
        const logProbs = toFloat32(tokenLogProb(pick(hidden, scoring), this.decoder.head, asked));
        for (const [i, { entry, position }] of scoring.entries()) {
          entry.sequence.logProbs[position + 1 - entry.sequence.promptLength] = logProbs[i];
        }
        for (const asking of scoring.filter(({ entry }) => entry.sequence.numTop > 0)) {
          const { sequence } = asking.entry;
          const place = asking.position + 1 - sequence.promptLength;
          sequence.top[place] = topLogProbs(pick(hidden, [asking]), this.decoder.head, sequence.numTop);
        }
      }
      if (drawing.length > 0) {
        const sequences = drawing.map(({ entry }) => entry.sequence);
        const drawn = sample(logits(pick(hidden, drawing), this.decoder.head), {
          temperatures: Float32Array.from(sequences, (sequence) => sequence.temperature),
          topPs: Float32Array.from(sequences, (sequence) => sequence.topP),
          uniforms: Float64Array.from(sequences, (sequence) => uniformAt(sequence.key, sequence.ids.length)),
        }).dataSync();
        for (const [i, { entry }] of drawing.entries()) tokens.set(entry, drawn[i]);
      }
    });
    hidden.dispose();
    return { tokens, sampled: drawing.length, scored: scoring.length };
  }

  private raggedRows(batch: readonly ScheduledRows[]): { ids: Int32Array; rows: RaggedRows } {
    const { pageSize } = this.cache.shape;
    const T = batch.reduce((sum, entry) => sum + entry.rows, 0);
    const ids = new Int32Array(T);
    const positions = new Int32Array(T);
    const slots = new Int32Array(T);
    const tables = new Int32Array(T);
    const pages: number[] = [];
    let t = 0;
    for (const { sequence, rows } of batch) {
      for (let i = 0; i < rows; i++, t++) {
        const position = sequence.numComputed + i;
        ids[t] = sequence.ids[position];
        positions[t] = position;
        slots[t] = sequence.pages[Math.floor(position / pageSize)] * pageSize + (position % pageSize);
        tables[t] = pages.length;
      }
      pages.push(...sequence.pages);
    }
    return { ids, rows: { positions, slots, tables, pages: Int32Array.from(pages) } };
  }
}

/** The chosen rows of hidden[T, d]: [R, d]. */
function pick(hidden: tf.Tensor, chosen: readonly { row: number }[]): tf.Tensor {
  if (chosen.length === hidden.shape[0]) return hidden;
  const d = hidden.shape[1] as number;
  const values = toFloat32(hidden);
  const out = new Float32Array(chosen.length * d);
  for (const [i, { row }] of chosen.entries()) out.set(values.subarray(row * d, (row + 1) * d), i * d);
  return tf.tensor2d(out, [chosen.length, d]);
}
