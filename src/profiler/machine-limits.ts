import { z } from 'zod';
import { chooseBackend } from '../../kernels/backends/choose.js';
import type { BackendChoice } from '../../kernels/backends/names.js';
import { isSimd, simd } from '../../kernels/backends/simd/index.js';
import { type MachineLimits, measureLimits } from '../../kernels/bench/machine.js';
import { measureRoofs } from '../../kernels/bench/roofs.js';
import { weightDtypes } from '../../kernels/ops/linear/index.js';
import { type PassOverhead, passOverhead } from '../bench/overhead.js';
import { AttsError } from '../errors.js';
import { describeMachine } from '../runs/machine.js';
import { gpuLimits, gpuRoofs } from './gpu-limits.js';
import type { MachineRoofs } from './intensity.js';
import { measuredOnce } from './measured-once.js';

const rate = z.number().positive();
const limitsSchema = z.object({
  schema: z.literal('atts.limits/2'),
  cpu: z.string(),
  cores: z.int(),
  measured: z.string(),
  build: z.string(),
  threads: z.int(),
  peaks: z.array(
    z.object({
      ...{ arithmetic: z.enum(['float32', 'int16', 'exponential']), threads: z.int() },
      ...{ gflops: rate, noise: z.number() },
    }),
  ),
  matrices: z.array(z.object({ dtype: z.enum(weightDtypes), gflops: rate, noise: z.number() })),
  products: z.array(
    z.object({
      ...{ dtype: z.enum(weightDtypes), level: z.enum(['L2', 'DRAM']), rows: z.int().positive() },
      ...{ gflops: rate, noise: z.number() },
    }),
  ),
  rows: z.array(z.object({ work: z.enum(['norm', 'quantise']), rate, noise: z.number() })),
  memory: z.array(
    z.object({
      ...{ level: z.enum(['L1', 'L2', 'LLC', 'DRAM']), capacity: z.number().nullable(), threads: z.int() },
      ...{ read: rate, copy: rate, noise: z.number() },
    }),
  ),
  attention: z.object({ gflops: rate, softmax: rate, pagedReads: rate, noise: z.number() }),
  handOverMicroseconds: z.number().nonnegative(),
  opMicroseconds: rate,
  sequenceMicroseconds: z.number().nonnegative(),
  tokenMicroseconds: z.number().nonnegative(),
});

/**
 * What a machine gives (see `kernels/bench/machine.ts`), what a pass costs beside its arithmetic (see
 * `src/bench/overhead.ts`), and when that was measured.
 */
export type KnownLimits = z.infer<typeof limitsSchema>;

/**
 * The limits of this machine, for a build and a number of threads: measured once, then read from the user's cache.
 * @param again measures them whatever is in the cache
 * @param measure what does, with so many threads; takes some twenty seconds
 * @throws AttsError `usage` for a backend that is not ours
 */
export async function machineLimits(
  backend: BackendChoice,
  threads: number | null = null,
  again = false,
  measure = measured,
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
  return measuredOnce('limits', JSON.stringify(key), limitsSchema, again, async () => ({
    ...{ schema: 'atts.limits/2', ...key },
    ...(await measure(pool.threads)),
  }));
}

async function measured(threads: number): Promise<MachineLimits & PassOverhead> {
  return { ...measureLimits(), ...(await passOverhead(threads)) };
}

/** The roofs of a backend: those of this machine for the simd backends, those of our WGSL for webgpu, else what its own stock ops reach. */
export async function machineRoofs(backend: BackendChoice, threads: number | null = null): Promise<MachineRoofs> {
  const name = await chooseBackend(backend, threads);
  if (isSimd(name)) return roofsOf(await machineLimits(backend, threads));
  if (name === 'webgpu') return gpuRoofs(await gpuLimits());
  const known = roofsMeasured.get(name);
  if (known) return known;
  const { peak, bandwidth } = measureRoofs();
  const roofs = { peak: peak * 1e9, bandwidth: bandwidth * 1e9 };
  roofsMeasured.set(name, roofs);
  return roofs;
}

/** Those of other backends, once a process: a comparison opens engines for each of its methods. */
const roofsMeasured = new Map<string, MachineRoofs>();

/** The roofs that runs are held against: float32 in registers and reads of main memory, on all threads. */
export function roofsOf({ threads, peaks, memory, opMicroseconds }: KnownLimits): MachineRoofs {
  const levels = memory
    .filter((roof) => roof.threads === threads)
    .map(({ level, capacity, read }) => ({ level, capacity, bandwidth: read * 1e9 }));
  const { bandwidth } = levels.find(({ level }) => level === 'DRAM') as (typeof levels)[number];
  return {
    peak: 1e9 * peakOf('float32', { threads, peaks }),
    int16Peak: 1e9 * peakOf('int16', { threads, peaks }),
    bandwidth,
    levels,
    opSeconds: opMicroseconds * 1e-6,
  };
}

/** GFLOP/s on all threads. */
export function peakOf(
  arithmetic: KnownLimits['peaks'][number]['arithmetic'],
  { threads, peaks }: Pick<KnownLimits, 'threads' | 'peaks'>,
): number {
  return peaks.find((roof) => roof.arithmetic === arithmetic && roof.threads === threads)!.gflops;
}
