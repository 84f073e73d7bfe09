/** What a machine has, what works on it, what is chosen on it and what would make it faster. */
import { availableParallelism, freemem, loadavg } from 'node:os';
import { automaticBackend } from '../../kernels/backends/automatic.js';
import { chooseBackend } from '../../kernels/backends/choose.js';
import { backendNames } from '../../kernels/backends/names.js';
import { simd } from '../../kernels/backends/simd/index.js';
import { measureRoofs } from '../../kernels/bench/roofs.js';
import { describeMachine } from '../runs/machine.js';
import { advise, isOnGpu } from './advice.js';
import { type BackendState, testBackend } from './backends.js';

export type { BackendState } from './backends.js';

export interface DoctorReport {
  readonly schema: 'atts.doctor/1';
  readonly machine: ReturnType<typeof describeMachine> & {
    readonly node: string;
    readonly usableCores: number;
    readonly freeGiB: number;
    readonly load: number;
  };
  /** Of the simd backend. */
  readonly kernels: { readonly build: string; readonly threads: number };
  /** Measured: GB/s of memory that no cache holds, float32 multiply-adds in registers, GFLOP/s. */
  readonly roofs: { readonly bandwidth: number; readonly peak: number };
  readonly backends: readonly BackendState[];
  /** What `--backend auto` takes. */
  readonly automatic: { readonly name: string; readonly why: string };
  readonly advice: readonly string[];
}

/** Looks at the machine, measures its limits and tests every backend. */
export async function examineMachine(): Promise<DoctorReport> {
  // Before our own work counts.
  const load = loadavg()[0];
  const machine = {
    ...{ ...describeMachine(), node: process.versions.node, usableCores: availableParallelism() },
    ...{ freeGiB: Math.round((freemem() / 2 ** 30) * 10) / 10, load },
  };
  await chooseBackend('simd');
  const { build, pool } = simd();
  const kernels = { build: `${build.name}-${build.hash}`, threads: pool.threads };
  const roofs = measureRoofs();
  const backends = await Promise.all(backendNames.map(testBackend));
  return {
    ...{ schema: 'atts.doctor/1', machine, kernels, roofs, backends, automatic: automaticBackend() },
    advice: advise({
      ...machine,
      kernels: kernels.build,
      bandwidth: roofs.bandwidth,
      gpuBackends: gpuBackends(backends),
    }),
  };
}

function gpuBackends(backends: readonly BackendState[]): string[] {
  return backends.flatMap((backend) => (backend.state === 'passed' && isOnGpu(backend) ? [backend.name] : []));
}
