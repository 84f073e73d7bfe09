import { inspectOps } from '../engine/inspect.js';
import { type EnginePair, openPair } from '../engine/pair.js';
import { AttsError } from '../errors.js';
import type { MachineRoofs } from '../profiler/intensity.js';
import { Ledger, type LedgerReport, timedPassEvery } from '../profiler/ledger.js';
import { machineRoofs } from '../profiler/machine-limits.js';
import { shapeOf } from '../profiler/pass-cost.js';
import { type PassSample, PassSeries } from '../profiler/pass-series.js';
import type { RunConfig } from '../runs/config.js';

/** What `--profile` knows of a run. */
export interface RunProfile {
  /** Measured before the run: FLOP/s in registers, bytes/s of memory that no cache holds. */
  readonly roofs: MachineRoofs;
  /** Forgets what was counted so far. */
  restart(): void;
  /** When passes began and what was in them, since then. */
  passes(): Readonly<Partial<Record<'draft' | 'target', readonly PassSample[]>>>;
  /** Of every model, since it was opened or the count restarted. */
  ledgers(): Readonly<Partial<Record<'draft' | 'target', LedgerReport>>>;
}

export interface RunEngines extends EnginePair {
  readonly profile?: RunProfile;
}

/**
 * Opens the engines that the method of a run needs, as its configuration says.
 * @param onNote hears in a line that a server went or came back, or that a GPU's memory made a cache smaller
 * @param roofs for a profile; those of this machine unless given
 * @throws AttsError as `openEngine` does; `usage` for a profile of what is not ours
 */
export async function openEngines(
  config: RunConfig,
  { onNote, roofs }: { onNote?: (note: string) => void; roofs?: MachineRoofs } = {},
): Promise<RunEngines> {
  const { method, backend, dtype, cacheDtype, memory, threads, placement } = config;
  const specs = {
    draft: method === 'target-only' ? undefined : config.draft,
    target: method === 'draft-only' ? undefined : config.target,
  };
  const options = { ...specs, backend, dtype, cacheDtype, memory, threads, placement, onNote };
  if (!config.profile) return openPair(options);
  if (backend === 'wasm' || backend === 'cpu') {
    throw new AttsError('usage', `--profile does not measure --backend ${backend}, which is there to compare with`);
  }
  const roles = (['draft', 'target'] as const).flatMap((role) => {
    const spec = specs[role];
    return spec === undefined ? [] : [{ role, ...inspectOps(spec, { backend, dtype, cacheDtype }) }];
  });
  const measured = roofs ?? (await machineRoofs(backend, threads));
  const ledgers: Partial<Record<'draft' | 'target', Ledger>> = {};
  const series: Partial<Record<'draft' | 'target', PassSeries>> = {};
  for (const { role, config: dimensions, ...kept } of roles) {
    ledgers[role] = new Ledger({ shape: shapeOf(dimensions), ...kept }, measured);
    series[role] = new PassSeries();
  }
  const pair = await openPair({
    ...options,
    timeOps: timedPassEvery,
    onPass(role, pass) {
      ledgers[role]?.add(pass);
      series[role]?.add(pass);
    },
  });
  return {
    ...pair,
    profile: {
      roofs: measured,
      restart() {
        for (const counted of [...Object.values(ledgers), ...Object.values(series)]) counted.clear();
      },
      passes: () => Object.fromEntries(Object.entries(series).map(([role, own]) => [role, own.report()])),
      ledgers: () => Object.fromEntries(Object.entries(ledgers).map(([role, ledger]) => [role, ledger.report()])),
    },
  };
}
