import { AttsError } from '../../errors.js';
import type { EngineLoad } from '../engine.js';
import type { PagePool } from './page-pool.js';
import type { Sequence } from './sequence.js';

/** Rows [numComputed, numComputed + rows) of a sequence go into the next forward pass. */
export interface ScheduledRows {
  readonly sequence: Sequence;
  readonly rows: number;
}

export interface SchedulerLimits {
  /** Most rows in one forward pass. */
  readonly maxRows: number;
  /** Most sequences admitted at a time. */
  readonly maxSequences: number;
}

/**
 * Chooses what goes into the next forward pass: continuous batching. Short scores go before long generations, both in
 * order of arrival; a sequence that finds no free page waits, and the one that came last gives up its pages (it is
 * computed again later) so that the first always gets on.
 */
export class Scheduler {
  private readonly waiting: Sequence[] = [];
  private readonly running: Sequence[] = [];
  private pool: PagePool;
  /** More memory would help: not where a GPU has none left. */
  private advice = '; raise --memory';
  private readonly limits: SchedulerLimits;
  private readonly copyPage: (from: number, to: number, tokens: number) => void;
  /** How often a sequence had to give up its pages. */
  preemptions = 0;

  constructor(pool: PagePool, limits: SchedulerLimits, copyPage: (from: number, to: number, tokens: number) => void) {
    this.pool = pool;
    this.limits = limits;
    this.copyPage = copyPage;
  }

  /** Sequences that are running or waiting to. */
  get pending(): number {
    return this.waiting.length + this.running.length;
  }

  get load(): EngineLoad {
    const { pageSize, size } = this.pool;
    return {
      ...{ running: this.running.length, waiting: this.waiting.length },
      ...{ cacheTokens: size * pageSize, heldTokens: this.heldPages * pageSize },
    };
  }

  /** KV pages that sequences hold. */
  get heldPages(): number {
    return this.pool.size - this.pool.numFree;
  }

  /** @throws AttsError `length` for a sequence that the whole cache could not hold */
  add(sequence: Sequence, longest: number): void {
    sequence.longest = longest;
    const tooLong = this.tooLong(sequence);
    if (tooLong) throw tooLong;
    if (sequence.kind === 'score') {
      const firstGeneration = this.waiting.findIndex((other) => !isScore(other));
      this.waiting.splice(firstGeneration < 0 ? this.waiting.length : firstGeneration, 0, sequence);
    } else {
      this.waiting.push(sequence);
    }
  }

  /** The rows of the next forward pass, with a page for each; empty when nothing can run. */
  schedule(): ScheduledRows[] {
    this.dropAborted();
    const scheduled: ScheduledRows[] = [];
    let room = this.limits.maxRows;
    // Decode rows and prefills under way first: what has begun is finished before more is admitted.
    for (const sequence of [...this.running]) {
      if (room === 0) break;
      if (!this.running.includes(sequence)) continue; // preempted meanwhile
      const rows = Math.min(room, sequence.numToCompute);
      if (!this.makeRoom(sequence, rows, scheduled)) continue;
      scheduled.push({ sequence, rows });
      room -= rows;
    }
    for (const sequence of [...this.waiting]) {
      if (room === 0 || this.running.length >= this.limits.maxSequences) break;
      // What another sequence of this pass is about to compute can be shared one pass later.
      if (scheduled.some((entry) => this.sharesUncomputed(sequence, entry.sequence))) continue;
      if (!this.admit(sequence)) break;
      const rows = Math.min(room, sequence.numToCompute);
      if (!this.allocate(sequence, rows)) {
        this.giveUpPages(sequence);
        break;
      }
      this.waiting.splice(this.waiting.indexOf(sequence), 1);
      this.running.push(sequence);
      scheduled.push({ sequence, rows });
      room -= rows;
    }
    return scheduled;
  }

  /** Makes what a pass has computed findable by sequences still to come. */
  computed({ sequence, rows }: ScheduledRows): void {
    sequence.numComputed += rows;
    if (rows > 1) this.pool.remember(sequence.pages, sequence.ids.slice(0, sequence.numComputed));
  }

  finish(sequence: Sequence): void {
    this.running.splice(this.running.indexOf(sequence), 1);
    this.giveUpPages(sequence);
  }

  /** Puts everything back in the queue, in order, over a cache that holds nothing, and less than before perhaps. */
  restart(pool: PagePool): void {
    if (pool.size < this.pool.size) this.advice = '';
    this.pool = pool;
    for (const sequence of this.running) {
      sequence.pages = [];
      sequence.numComputed = 0;
    }
    for (const sequence of [...this.running.splice(0), ...this.waiting.splice(0)]) {
      const tooLong = this.tooLong(sequence);
      if (tooLong) sequence.reject(tooLong);
      else this.waiting.push(sequence);
    }
  }

  /** Ends everything with one error. */
  fail(error: Error): void {
    for (const sequence of this.running) this.giveUpPages(sequence);
    for (const sequence of [...this.running, ...this.waiting]) sequence.reject(error);
    this.running.length = 0;
    this.waiting.length = 0;
  }

  /** Whether `other`, prefilling in this pass, computes at least a page's worth of what `sequence` begins with. */
  private sharesUncomputed(sequence: Sequence, other: Sequence): boolean {
    if (!other.isPrefill) return false;
    const from = other.numComputed;
    const end = Math.min(sequence.cacheLimit, other.ids.length);
    let n = 0;
    while (n < end && sequence.ids[n] === other.ids[n]) n++;
    return n - from >= this.pool.pageSize;
  }

  /** Takes over what the cache holds of the sequence. */
  private admit(sequence: Sequence): boolean {
    const found = this.pool.take(sequence.ids, sequence.cacheLimit);
    sequence.pages = found.pages;
    sequence.numComputed = found.tokens;
    if (found.partial) {
      const copy = this.pool.allocate(found.partial.page);
      if (copy === null) {
        sequence.numComputed -= found.partial.tokens;
        this.giveUpPages(sequence);
        return false;
      }
      this.copyPage(found.partial.page, copy, found.partial.tokens);
      sequence.pages.push(copy);
    }
    if (Number.isNaN(sequence.started)) {
      sequence.started = performance.now();
      sequence.numCachedTokens = Math.min(sequence.numComputed, sequence.promptLength);
    }
    return true;
  }

  private allocate(sequence: Sequence, rows: number): boolean {
    while (sequence.pages.length * this.pool.pageSize < sequence.numComputed + rows) {
      const page = this.pool.allocate();
      if (page === null) return false;
      sequence.pages.push(page);
    }
    return true;
  }

  /** Pages for the rows, if need be by preempting sequences that came later (never one already in this pass). */
  private makeRoom(sequence: Sequence, rows: number, scheduled: readonly ScheduledRows[]): boolean {
    while (!this.allocate(sequence, rows)) {
      const last = this.running.at(-1) as Sequence;
      const victim = scheduled.some((entry) => entry.sequence === last) ? sequence : last;
      this.running.splice(this.running.indexOf(victim), 1);
      this.giveUpPages(victim);
      this.waiting.unshift(victim);
      this.preemptions++;
      if (victim === sequence) return false;
    }
    return true;
  }

  private tooLong({ longest }: Sequence): AttsError | null {
    const pages = Math.ceil(longest / this.pool.pageSize);
    if (pages <= this.pool.size) return null;
    return new AttsError(
      'length',
      `a sequence of ${longest} tokens needs ${pages} KV pages and the cache has ${this.pool.size}${this.advice}`,
    );
  }

  private giveUpPages(sequence: Sequence): void {
    this.pool.release(sequence.pages, sequence.ids.slice(0, sequence.numComputed));
    sequence.pages = [];
    sequence.numComputed = 0;
  }

  private dropAborted(): void {
    for (const sequence of [...this.running, ...this.waiting]) {
      if (!sequence.signal?.aborted) continue;
      const list = this.running.includes(sequence) ? this.running : this.waiting;
      list.splice(list.indexOf(sequence), 1);
      this.giveUpPages(sequence);
      sequence.reject(new AttsError('run', 'interrupted'));
    }
  }
}

function isScore(sequence: Sequence): boolean {
  return sequence.kind === 'score';
}
