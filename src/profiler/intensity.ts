/** Asynchronous arithmetic intensity from a run's own events, its ledgers and the measured roofs. All pure. */
import { groupBy } from '../group-by.js';
import type { ModelCallEvent } from '../runs/records.js';
import type { LedgerReport } from './ledger.js';
import { type ModelShape, passCost, totalBytes } from './pass-cost.js';

/** FLOP/s and bytes/s. */
export interface MachineRoofs {
  /** Of float32 in registers. */
  readonly peak: number;
  /** Of products of 16-bit integers, where quantised weights meet activations. */
  readonly int16Peak?: number;
  /** Reads of main memory. */
  readonly bandwidth: number;
  /** Reads of every cache, and of main memory, whose capacity is null; bytes, of all threads together. */
  readonly levels?: readonly {
    readonly level: string;
    readonly capacity?: number | null;
    readonly bandwidth: number;
  }[];
  /** An op with nothing to do. */
  readonly opSeconds?: number;
}

/** Where the time of some calls goes, seconds; of all chains together. */
export interface Intensity {
  /** T_c: FLOPs at the measured peak. */
  readonly computeSeconds: number;
  /** T_m: bytes at the measured bandwidth. */
  readonly memorySeconds: number;
  /** T_s: chains at barriers. */
  readonly barrierSeconds: number;
  /** Chains in the queue of a model; no part of T_s. */
  readonly queueSeconds: number;
  /** T_c / (T_m + T_s). */
  readonly r: number;
}

/** FLOPs of one call: those of its tokens, whatever passes they were computed in, in closed form. */
export function callFlops(shape: ModelShape, call: ModelCallEvent): number {
  const { kind, promptTokens, cachedTokens, tokens } = call;
  // The last token of a call is not computed: nobody asks what comes after it.
  const rows = promptTokens - cachedTokens + tokens - 1;
  const counts = kind === 'score' ? { sampled: 0, scored: tokens } : { sampled: tokens, scored: 0 };
  return passCost(shape, { sequences: [{ cached: cachedTokens, rows }], ...counts }, { weight: 0, cache: 0 }).flops;
}

type ModelWork = Pick<LedgerReport, 'shape' | 'total'>;

/** What the calls of a turn did with one model. */
export interface TurnWork {
  readonly turn: number;
  readonly model: 'draft' | 'target';
  readonly calls: number;
  readonly flops: number;
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * Work by turn. FLOPs are those of the turn's calls; bytes and seconds of passes, which calls share, are the ledger's,
 * dealt out by FLOPs.
 */
export function workByTurn(
  events: readonly ModelCallEvent[],
  ledgers: Readonly<Partial<Record<'draft' | 'target', ModelWork>>>,
): TurnWork[] {
  return (['draft', 'target'] as const).flatMap((model) => {
    const ledger = ledgers[model];
    if (!ledger) return [];
    const { shape, total } = ledger;
    const turns = groupBy(
      events.filter(({ kind }) => (kind === 'draft') === (model === 'draft')),
      ({ turn }) => turn,
    );
    return [...turns.keys()]
      .sort((a, b) => a - b)
      .map((turn) => {
        const calls = turns.get(turn) as ModelCallEvent[];
        const flops = calls.reduce((sum, call) => sum + callFlops(shape, call), 0);
        const share = total.flops > 0 ? flops / total.flops : 0;
        return {
          ...{ turn, model, calls: calls.length, flops },
          ...{ bytes: totalBytes(total) * share, seconds: total.seconds * share },
        };
      });
  });
}

/** Intensity by turn, from `workByTurn` and what the calls waited for. */
export function intensityByTurn(
  events: readonly ModelCallEvent[],
  ledgers: Readonly<Partial<Record<'draft' | 'target', ModelWork>>>,
  { peak, bandwidth }: MachineRoofs,
): (Intensity & { readonly turn: number })[] {
  const work = groupBy(workByTurn(events, ledgers), ({ turn }) => turn);
  const calls = groupBy(events, ({ turn }) => turn);
  const sum = <T>(items: readonly T[], of: (item: T) => number) => items.reduce((total, item) => total + of(item), 0);
  return [...calls.keys()]
    .sort((a, b) => a - b)
    .map((turn) => {
      const [own, waiting] = [work.get(turn) ?? [], calls.get(turn) as ModelCallEvent[]];
      const computeSeconds = sum(own, ({ flops }) => flops) / peak;
      const memorySeconds = sum(own, ({ bytes }) => bytes) / bandwidth;
      const barrierSeconds = sum(waiting, ({ barrier }) => barrier) / 1000;
      const queueSeconds = sum(waiting, ({ queued, started }) => started - queued) / 1000;
      const r = computeSeconds / (memorySeconds + barrierSeconds);
      return { turn, computeSeconds, memorySeconds, barrierSeconds, queueSeconds, r };
    });
}
