import * as tf from '@tensorflow/tfjs-core';
import { KvCache, type RaggedRows } from '../../../kernels/ops/attention/index.js';
import { sample } from '../../../kernels/ops/sample/index.js';
import { logits, tokenLogProb } from '../../../kernels/ops/token-log-prob/index.js';
import { topLogProbs } from '../../../kernels/ops/token-log-prob/top.js';
import { toFloat32 } from '../../../kernels/tfjs.js';
import type { Decoder } from '../../../models/decoder.js';
import { uniformAt } from './random.js';
import type { ScheduledRows } from './scheduler.js';
import type { Sequence } from './sequence.js';

/** A row whose hidden state says how probable a token is at a place after the sequence's prompt. */
interface JudgedRow {
  readonly sequence: Sequence;
  readonly row: number;
  readonly place: number;
  readonly id: number;
}

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
   * Runs the pass. A sequence whose last row is in it gets its next token (`tokens`, by sequence); the log-probabilities
   * that sequences ask for are written to them.
   */
  run(batch: readonly ScheduledRows[]): { tokens: Map<ScheduledRows, number>; sampled: number; scored: number } {
    const { ids, rows } = this.raggedRows(batch);
    const drawing: { entry: ScheduledRows; row: number }[] = [];
    const judged: JudgedRow[] = [];
    let first = 0;
    for (const entry of batch) {
      const { sequence } = entry;
      if (sequence.kind === 'generate') {
        if (entry.rows === sequence.numToCompute) drawing.push({ entry, row: first + entry.rows - 1 });
      } else {
        for (let i = 0; i < entry.rows; i++) {
          const next = sequence.numComputed + i + 1;
          if (next < sequence.promptLength) continue;
          judged.push({ sequence, row: first + i, place: next - sequence.promptLength, id: sequence.ids[next] });
        }
      }
      first += entry.rows;
    }
    const hidden = this.decoder.forward(ids, rows, this.cache); // [T, d]
    const tokens = new Map<ScheduledRows, number>();
    tf.tidy(() => {
      if (drawing.length > 0) {
        const sequences = drawing.map(({ entry }) => entry.sequence);
        const drawn = sample(logits(pick(hidden, drawing), this.decoder.head), {
          temperatures: Float32Array.from(sequences, (sequence) => sequence.temperature),
          topPs: Float32Array.from(sequences, (sequence) => sequence.topP),
          uniforms: Float64Array.from(sequences, (sequence) => uniformAt(sequence.key, sequence.ids.length)),
        }).dataSync();
        for (const [i, { entry, row }] of drawing.entries()) {
          const { sequence } = entry;
          tokens.set(entry, drawn[i]);
          if (sequence.wantsLogProbs) judged.push({ sequence, row, place: sequence.numGenerated, id: drawn[i] });
        }
      }
      if (judged.length > 0) this.judge(hidden, judged);
    });
    hidden.dispose();
    return { tokens, sampled: drawing.length, scored: judged.length };
  }

  /** Writes log-probabilities, and the alternatives that are asked for, to their sequences. */
  private judge(hidden: tf.Tensor, judged: readonly JudgedRow[]): void {
    const { head } = this.decoder;
    const ids = Int32Array.from(judged, ({ id }) => id);
    const logProbs = toFloat32(tokenLogProb(pick(hidden, judged), head, ids));
    for (const [i, { sequence, place, row }] of judged.entries()) {
      sequence.logProbs[place] = logProbs[i];
      if (sequence.numTop > 0) sequence.top[place] = topLogProbs(pick(hidden, [{ row }]), head, sequence.numTop);
    }
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
  if (chosen.length === hidden.shape[0] && chosen.every(({ row }, i) => row === i)) return hidden;
  const d = hidden.shape[1] as number;
  const values = toFloat32(hidden);
  const out = new Float32Array(chosen.length * d);
  for (const [i, { row }] of chosen.entries()) out.set(values.subarray(row * d, (row + 1) * d), i * d);
  return tf.tensor2d(out, [chosen.length, d]);
}
