import * as tf from '@tensorflow/tfjs-core';
import type { OpClock } from '../../../kernels/op-clock.js';
import { KvCache, type KvCacheShape, type RaggedRows } from '../../../kernels/ops/attention/index.js';
import { argmax, sample } from '../../../kernels/ops/sample/index.js';
import { takeRows } from '../../../kernels/ops/take-rows/index.js';
import { logits, tokenLogProb } from '../../../kernels/ops/token-log-prob/index.js';
import { topLogProbs } from '../../../kernels/ops/token-log-prob/top.js';
import { compileAhead, readAll } from '../../../kernels/tfjs.js';
import type { Decoder } from '../../../models/decoder.js';
import { phaseOf } from '../pass-record.js';
import type { OpSampling } from './op-sampling.js';
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

/** Numbers of rows between which kernels differ: one, two, few, a small tile and a large one. */
const rehearsedRows = [1, 2, 4, 17, 33];
/** Tokens of a sequence that several workgroups share. */
const longSequence = 1024;
/** What a pass has made. */
export interface PassResult {
  /** The next token of every sequence that drew one. */
  readonly tokens: ReadonlyMap<ScheduledRows, number>;
  readonly sampled: number;
  readonly scored: number;
  /** Knows the times of its ops; null where these were not timed. */
  readonly clock: OpClock | null;
}

/** Turns scheduled rows into one ragged forward pass and hands every sequence what it asked for. */
export class ModelRunner {
  private readonly decoder: Decoder;
  private readonly cache: KvCache;
  private readonly sampling: OpSampling | null;

  /** @param sampling whose ops are timed; those of no pass unless given */
  constructor(decoder: Decoder, cache: KvCacheShape, sampling: OpSampling | null = null) {
    this.decoder = decoder;
    this.cache = new KvCache(cache);
    this.sampling = sampling;
  }

  /** Copies the first tokens of a page, over all layers. */
  copyPage(from: number, to: number, tokens: number): void {
    this.cache.copyPage(from, to, tokens);
  }

  dispose(): void {
    this.cache.dispose();
  }

  /** Compiles what passes of any number of rows run, on backends that compile. */
  compileAhead(): Promise<void> {
    return compileAhead.active(() => this.rehearse());
  }

  /** Passes of as many kinds as there are. */
  rehearse(): void {
    for (const T of rehearsedRows) tf.tidy(() => this.rehearsePass(T, 0));
    tf.tidy(() => this.rehearsePass(1, Math.min(this.decoder.config.contextLength, longSequence) - 1));
  }

  /** A pass of T rows of one sequence, from a position on, that draws and judges. */
  private rehearsePass(T: number, first: number): void {
    const { head } = this.decoder;
    const rows = {
      positions: Int32Array.from({ length: T }, (_, t) => first + t),
      ...{ slots: new Int32Array(T), tables: new Int32Array(T) },
      pages: new Int32Array(Math.ceil((first + T) / this.cache.shape.pageSize)),
    };
    const ids = new Int32Array(T);
    const hidden = this.decoder.forward(ids, rows, this.cache);
    const settings = { temperatures: new Float32Array(T).fill(1), topPs: new Float32Array(T).fill(1) };
    const drawn = logits(takeRows(hidden, ids), head);
    sample(drawn, { ...settings, uniforms: new Float64Array(T) });
    argmax(drawn);
    tokenLogProb(hidden, head, ids);
  }

  /**
   * Runs the pass. A sequence whose last row is in it gets its next token (`tokens`, by sequence); the log-probabilities
   * that sequences ask for are written to them. The whole pass is given to the device before the call returns, and only
   * ids and log-probabilities come back; those of tokens that are drawn in it are asked for when these are known.
   */
  async run(batch: readonly ScheduledRows[]): Promise<PassResult> {
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
    const telling = drawing.filter(({ entry }) => entry.sequence.wantsLogProbs).length;
    const counts = { sampled: drawing.length, scored: judged.length + telling };
    const clock = this.sampling?.clockFor(phaseOf({ sequences: batch, ...counts })) ?? null;
    const hidden = this.decoder.forward(ids, rows, this.cache, clock); // [T, d]
    try {
      const values = await made(() => [
        ...(drawing.length > 0 ? [this.draw(pick(hidden, drawing), drawing, clock)] : []),
        ...this.judge(hidden, judged, clock),
      ]);
      const drawn = drawing.length > 0 ? values.splice(0, 1)[0] : [];
      write(judged, values);
      const tokens = new Map(drawing.map(({ entry }, i) => [entry, drawn[i]]));
      const told = drawing.flatMap(({ entry: { sequence }, row }, i) =>
        sequence.wantsLogProbs ? [{ sequence, row, place: sequence.numGenerated, id: drawn[i] }] : [],
      );
      if (told.length > 0) write(told, await made(() => this.judge(hidden, told, clock)));
      return { tokens, ...counts, clock };
    } finally {
      hidden.dispose();
    }
  }

  /** Log-probabilities of the rows' tokens, [R], then the logits of each row whose alternatives are asked for, [1, V]. */
  private judge(hidden: tf.Tensor, judged: readonly JudgedRow[], clock: OpClock | null): tf.Tensor[] {
    if (judged.length === 0) return [];
    const { head } = this.decoder;
    const ids = Int32Array.from(judged, ({ id }) => id);
    const asked = pick(hidden, judged);
    clock?.skip();
    const logProbs = tokenLogProb(asked, head, ids);
    clock?.did('tokenLogProb');
    const looking = judged.filter(({ sequence }) => sequence.numTop > 0);
    return [logProbs, ...looking.map((row) => logits(pick(hidden, [row]), head))];
  }

  /** The next token of each row of hidden[R, d]: [R] ids. */
  private draw(hidden: tf.Tensor, drawing: readonly { entry: ScheduledRows }[], clock: OpClock | null): tf.Tensor {
    const sequences = drawing.map(({ entry }) => entry.sequence);
    clock?.skip();
    const ofRows = logits(hidden, this.decoder.head); // [R, V]
    clock?.did('head');
    const ids = sample(ofRows, {
      temperatures: Float32Array.from(sequences, (sequence) => sequence.temperature),
      topPs: Float32Array.from(sequences, (sequence) => sequence.topP),
      uniforms: Float64Array.from(sequences, (sequence) => uniformAt(sequence.key, sequence.ids.length)),
    });
    clock?.did('sample');
    return ids;
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

/** Values of tensors, which live no longer. */
async function made(make: () => tf.Tensor[]): Promise<ArrayLike<number>[]> {
  const tensors = tf.tidy(make);
  return readAll(tensors).finally(() => tf.dispose(tensors));
}

/** Writes what `judge` has made to the sequences. */
function write(judged: readonly JudgedRow[], [logProbs, ...rows]: readonly ArrayLike<number>[]): void {
  const looking = rows.values();
  for (const [i, { sequence, place }] of judged.entries()) {
    sequence.logProbs[place] = logProbs[i];
    if (sequence.numTop > 0) sequence.top[place] = topLogProbs(looking.next().value ?? [], sequence.numTop);
  }
}

/** The chosen rows of hidden[T, d]: [R, d]. */
function pick(hidden: tf.Tensor, chosen: readonly { row: number }[]): tf.Tensor {
  if (chosen.length === hidden.shape[0] && chosen.every(({ row }, i) => row === i)) return hidden;
  return takeRows(
    hidden,
    Int32Array.from(chosen, ({ row }) => row),
  );
}
