import { createHash } from 'node:crypto';
import { z } from 'zod';
import { chooseBackend } from '../../kernels/backends/choose.js';
import type { BackendChoice } from '../../kernels/backends/names.js';
import { isSimd, simd } from '../../kernels/backends/simd/index.js';
import { measureLimits } from '../../kernels/bench/machine.js';
import { measureRoofs } from '../../kernels/bench/roofs.js';
import { weightDtypes } from '../../kernels/ops/linear/index.js';
import { AttsError } from '../errors.js';
import { describeMachine } from '../runs/machine.js';
import { readCached, writeCached } from '../user-cache.js';
import { gpuLimits, gpuRoofs } from './gpu-limits.js';
import type { MachineRoofs } from './intensity.js';

const rate = z.number().positive();
const limitsSchema = z.object({
  schema: z.literal('atts.limits/1'),
  cpu: z.string(),
  cores: z.int(),
  measured: z.string(),
  build: z.string(),
  threads: z.int(),
  peaks: z.array(
    z.object({ arithmetic: z.enum(['float32', 'int16']), threads: z.int(), gflops: rate, noise: z.number() }),
  ),
  matrices: z.array(z.object({ dtype: z.enum(weightDtypes), gflops: rate, noise: z.number() })),
  memory: z.array(
    z.object({
      ...{ level: z.enum(['L1', 'L2', 'LLC', 'DRAM']), capacity: z.number().nullable(), threads: z.int() },
      ...{ read: rate, copy: rate, noise: z.number() },
    }),
  ),
  opMicroseconds: rate,
});

/** What a machine gives (see `kernels/bench/machine.ts`), and when that was measured. */
export type KnownLimits = z.infer<typeof limitsSchema>;

/**
 * The limits of this machine, for a build and a number of threads: measured once, then read from the user's cache
 * (XDG_CACHE_HOME or ~/.cache, `atts/`).
 * @param again measures them whatever is in the cache
 * @throws AttsError `usage` for a backend that is not ours
 */
export async function machineLimits(
  backend: BackendChoice,
  threads: number | null = null,
  again = false,
): Promise<KnownLimits> {
  const name = await chooseBackend(backend, threads);
  if (!isSimd(name)) {
    throw new AttsError(
      'usage',
      `limits are measured on the simd backends; --backend ${backend} is there to compare with`,
    );
  }
  const { build, pool } = simd(name);
  const { cpu, cores } = describeMachine();
  const key = { cpu, cores, build: `${build.name}-${build.hash}`, threads: pool.threads };
  const file = `limits-${createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 12)}.json`;
  // None where this version wrote none.
  const known = again ? undefined : limitsSchema.safeParse(readCached(file)).data;
  if (known) return known;
  const measured: KnownLimits = limitsSchema.parse({
    ...{ schema: 'atts.limits/1', measured: new Date().toISOString(), ...key },
    ...measureLimits(),
  });
  writeCached(file, measured);
  return measured;
}

/** The roofs of a backend: those of this machine for the simd backends, those of our WGSL for webgpu, else what its own stock ops reach. */
export async function machineRoofs(backend: BackendChoice, threads: number | null = null): Promise<MachineRoofs> {
  const name = await chooseBackend(backend, threads);
  if (isSimd(name)) return roofsOf(await machineLimits(backend, threads));
  if (name === 'webgpu') return gpuRoofs(await gpuLimits());
  const { peak, bandwidth } = measureRoofs();
  return { peak: peak * 1e9, bandwidth: bandwidth * 1e9 };
}

/** The roofs that runs are held against: float32 in registers and reads of main memory, on all threads. */
export function roofsOf({ threads, peaks, memory }: KnownLimits): MachineRoofs {
  const levels = memory
    .filter((roof) => roof.threads === threads)
    .map(({ level, read }) => ({ level, bandwidth: read * 1e9 }));
  const { bandwidth } = levels.find(({ level }) => level === 'DRAM') as (typeof levels)[number];
  return {
    peak: 1e9 * peakOf('float32', { threads, peaks }),
    int16Peak: 1e9 * peakOf('int16', { threads, peaks }),
    bandwidth,
    levels,
  };
}

/** GFLOP/s on all threads. */
export function peakOf(
  arithmetic: 'float32' | 'int16',
  { threads, peaks }: Pick<KnownLimits, 'threads' | 'peaks'>,
): number {
  return peaks.find((roof) => roof.arithmetic === arithmetic && roof.threads === threads)!.gflops;
}
