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
  /** Reads of every cache, and of main memory. */
  readonly levels?: readonly { readonly level: string; readonly bandwidth: number }[];
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

/**
 * Intensity by turn. FLOPs are those of the turn's calls; bytes, which the calls of a pass share, are the ledger's,
 * dealt out by FLOPs.
 */
export function intensityByTurn(
  events: readonly ModelCallEvent[],
  ledgers: Readonly<Partial<Record<'draft' | 'target', Pick<LedgerReport, 'shape' | 'total'>>>>,
  { peak, bandwidth }: MachineRoofs,
): (Intensity & { readonly turn: number })[] {
  const ledgerOf = ({ kind }: ModelCallEvent) =>
    ledgers[kind === 'draft' ? 'draft' : 'target'] as Pick<LedgerReport, 'shape' | 'total'>;
  const turns = groupBy(events, ({ turn }) => turn);
  return [...turns.keys()]
    .sort((a, b) => a - b)
    .map((turn) => {
      const sums = { computeSeconds: 0, memorySeconds: 0, barrierSeconds: 0, queueSeconds: 0 };
      for (const call of turns.get(turn) as ModelCallEvent[]) {
        const { shape, total } = ledgerOf(call);
        const flops = callFlops(shape, call);
        sums.computeSeconds += flops / peak;
        sums.memorySeconds += (totalBytes(total) * (flops / total.flops)) / bandwidth;
        sums.barrierSeconds += call.barrier / 1000;
        sums.queueSeconds += (call.started - call.queued) / 1000;
      }
      return { turn, ...sums, r: sums.computeSeconds / (sums.memorySeconds + sums.barrierSeconds) };
    });
}
