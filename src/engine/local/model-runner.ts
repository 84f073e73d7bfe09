import * as tf from '@tensorflow/tfjs-core';
import { KvCache, type RaggedRows } from '../../../kernels/ops/attention/index.js';
import { sample } from '../../../kernels/ops/sample/index.js';
import { takeRows } from '../../../kernels/ops/take-rows/index.js';
import { logits, tokenLogProb } from '../../../kernels/ops/token-log-prob/index.js';
import { topLogProbs } from '../../../kernels/ops/token-log-prob/top.js';
import { readAll } from '../../../kernels/tfjs.js';
import type { Decoder } from '../../../models/decoder.js';
import { uniformAt } from './random.js';
import type { ScheduledRows } from './scheduler.js';

/** Turns scheduled rows into one ragged forward pass and hands every sequence what it asked for. */
export class ModelRunner {
  private readonly decoder: Decoder;
  private readonly cache: KvCache;

  constructor(decoder: Decoder, pages: number, pageSize: number) {
    this.decoder = decoder;
    this.cache = new KvCache(decoder.cacheShape(pages, pageSize));
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
   * their log-probabilities, written to the sequence. The whole pass is given to the device before the call returns, and
   * only ids and log-probabilities come back.
   */
  async run(
    batch: readonly ScheduledRows[],
  ): Promise<{ tokens: Map<ScheduledRows, number>; sampled: number; scored: number }> {
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
    const looking = scoring.filter(({ entry }) => entry.sequence.numTop > 0);
    const { head } = this.decoder;
    const hidden = this.decoder.forward(ids, rows, this.cache); // [T, d]
    const made = tf.tidy(() => [
      ...(scoring.length > 0
        ? [
            tokenLogProb(
              pick(hidden, scoring),
              head,
              Int32Array.from(scoring, ({ entry, position }) => entry.sequence.ids[position + 1]),
            ),
          ]
        : []),
      ...(drawing.length > 0 ? [this.draw(pick(hidden, drawing), drawing)] : []),
      ...looking.map((asking) => logits(pick(hidden, [asking]), head)),
    ]);
    hidden.dispose();
    const values = await readAll(made).finally(() => tf.dispose(made));
    const logProbs = scoring.length > 0 ? (values.shift() as Float32Array) : [];
    for (const [i, { entry, position }] of scoring.entries()) {
      entry.sequence.logProbs[position + 1 - entry.sequence.promptLength] = logProbs[i];
    }
    const drawn = drawing.length > 0 ? (values.shift() as Int32Array) : [];
    const tokens = new Map(drawing.map(({ entry }, i) => [entry, drawn[i]]));
    for (const [i, { entry, position }] of looking.entries()) {
      const { sequence } = entry;
      sequence.top[position + 1 - sequence.promptLength] = topLogProbs(values[i], sequence.numTop);
    }
    return { tokens, sampled: drawing.length, scored: scoring.length };
  }

  /** The next token of each row of hidden[R, d]: [R] ids. */
  private draw(hidden: tf.Tensor, drawing: readonly { entry: ScheduledRows }[]): tf.Tensor {
    const sequences = drawing.map(({ entry }) => entry.sequence);
    return sample(logits(hidden, this.decoder.head), {
      temperatures: Float32Array.from(sequences, (sequence) => sequence.temperature),
      topPs: Float32Array.from(sequences, (sequence) => sequence.topP),
      uniforms: Float64Array.from(sequences, (sequence) => uniformAt(sequence.key, sequence.ids.length)),
    });
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
  return takeRows(
    hidden,
    Int32Array.from(chosen, ({ row }) => row),
  );
}
