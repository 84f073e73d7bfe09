import { chooseBackend } from '../../kernels/backends/choose.js';
import { measureRoofs } from '../../kernels/bench/roofs.js';
import { inspectModel } from '../engine/inspect.js';
import { type EnginePair, openPair } from '../engine/pair.js';
import { AttsError } from '../errors.js';
import { Ledger, type LedgerReport } from '../profiler/ledger.js';
import { storedBytes } from '../profiler/pass-cost.js';
import type { RunConfig } from '../runs/config.js';

/** What `--profile` knows of a run. */
export interface RunProfile {
  /** Measured before the run: FLOP/s in registers, bytes/s of memory that no cache holds. */
  readonly roofs: { readonly peak: number; readonly bandwidth: number };
  /** Forgets what was counted so far. */
  restart(): void;
  /** Of every model, since it was opened or the count restarted. */
  ledgers(): Readonly<Partial<Record<'draft' | 'target', LedgerReport>>>;
}

export interface RunEngines extends EnginePair {
  readonly profile?: RunProfile;
}

/**
 * Opens the engines that the method of a run needs, as its configuration says.
 * @throws AttsError as `openEngine` does; `usage` for a profile on a backend that is not ours
 */
export async function openEngines(config: RunConfig): Promise<RunEngines> {
  const { method, backend, dtype, memory, threads, placement } = config;
  const specs = {
    draft: method === 'target-only' ? undefined : config.draft,
    target: method === 'draft-only' ? undefined : config.target,
  };
  const options = { ...specs, backend, dtype, memory, threads, placement };
  if (!config.profile) return openPair(options);
  if (backend === 'wasm' || backend === 'cpu') {
    throw new AttsError(
      'usage',
      `--profile measures the simd and webgpu backends; --backend ${backend} is there to compare with`,
    );
  }
  const ledgers: Partial<Record<'draft' | 'target', Ledger>> = {};
  for (const role of ['draft', 'target'] as const) {
    const spec = specs[role];
    if (spec === undefined) continue;
    const report = inspectModel(spec, dtype);
    ledgers[role] = new Ledger(report, storedBytes(report));
  }
  await chooseBackend(backend, threads);
  const { peak, bandwidth } = backend === 'webgpu' ? await gpuRoofs() : measureRoofs();
  const pair = await openPair({ ...options, onPass: (role, pass) => ledgers[role]?.add(pass) });
  return {
    ...pair,
    profile: {
      roofs: { peak: peak * 1e9, bandwidth: bandwidth * 1e9 },
      restart() {
        for (const ledger of Object.values(ledgers)) ledger.clear();
      },
      ledgers: () => Object.fromEntries(Object.entries(ledgers).map(([role, ledger]) => [role, ledger.report()])),
    },
  };
}

/** The backend's package is loaded by those alone who use it. */
async function gpuRoofs() {
  const { measureGpuRoofs } = await import('../../kernels/bench/gpu-roofs.js');
  return measureGpuRoofs();
}
