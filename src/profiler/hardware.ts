import { AttsError } from '../errors.js';
import type { Bound } from './op-rates.js';
import { type ModelShape, type PassRows, passCost, type StoredBytes, totalBytes } from './pass-cost.js';

/** A machine by its specification sheet. */
export interface Hardware {
  readonly name: string;
  /** Dense peak of 16-bit matrix products with float32 sums, FLOP/s. */
  readonly peak: number;
  /** Of its main memory, bytes/s. */
  readonly bandwidth: number;
  /** Bytes. */
  readonly memory: number;
  /** Seconds that a layer takes beyond its arithmetic and its bytes: kernel launches and what lies between them. */
  readonly layerSeconds: number;
  readonly source: string;
}

/** Shares of the sheet's figures that serving reaches; one pair for all machines, nothing is fitted to one. */
const servingShares = { compute: 0.6, bandwidth: 0.9 } as const;

const gib = 2 ** 30;
// Some ten kernels a layer; on GPUs 8 to 10 µs from one's start to the next.
const gpu = { layerSeconds: 90e-6 };
const apple = { layerSeconds: 150e-6 };

/** Vendors' sheets, as published; the largest configuration of a name that has several. */
export const hardwareSpecs: Readonly<Record<string, Hardware>> = {
  a100: {
    name: 'NVIDIA A100 SXM 80 GB',
    peak: 312e12,
    bandwidth: 2.039e12,
    memory: 80 * gib,
    ...gpu,
    source: 'NVIDIA A100 datasheet, 2021',
  },
  h100: {
    name: 'NVIDIA H100 SXM',
    peak: 989e12,
    bandwidth: 3.35e12,
    memory: 80 * gib,
    ...gpu,
    source: 'NVIDIA H100 datasheet, 2023',
  },
  h200: {
    name: 'NVIDIA H200 SXM',
    peak: 989e12,
    bandwidth: 4.8e12,
    memory: 141 * gib,
    ...gpu,
    source: 'NVIDIA H200 datasheet, 2024',
  },
  rtx4090: {
    name: 'NVIDIA RTX 4090',
    peak: 165e12,
    bandwidth: 1.008e12,
    memory: 24 * gib,
    ...gpu,
    source: 'NVIDIA Ada GPU architecture, 2022',
  },
  m2max: {
    name: 'Apple M2 Max',
    peak: 13.6e12,
    bandwidth: 400e9,
    memory: 96 * gib,
    ...apple,
    source: 'Apple M2 Max, 2023',
  },
  m3max: {
    name: 'Apple M3 Max',
    peak: 14.2e12,
    bandwidth: 400e9,
    memory: 128 * gib,
    ...apple,
    source: 'Apple M3 Max, 2023',
  },
};

/** @throws AttsError `usage` */
export function hardwareOf(name: string): Hardware {
  const found = hardwareSpecs[name];
  if (found) return found;
  throw new AttsError('usage', `unknown hardware ${name}; known are ${Object.keys(hardwareSpecs).join(', ')}`);
}

export interface PassTime {
  readonly seconds: number;
  readonly computeSeconds: number;
  readonly memorySeconds: number;
  readonly overheadSeconds: number;
  readonly bound: Bound;
}

/**
 * Time of a pass by the roofline (Williams et al. 2009): the longer of its arithmetic and its bytes, and what each layer
 * takes besides.
 * @param devices cards that share the model by tensor parallelism, without loss
 */
export function rooflineTime(
  hardware: Hardware,
  shape: ModelShape,
  rows: PassRows,
  stored: StoredBytes = { weight: 2, cache: 2 },
  devices = 1,
): PassTime {
  const cost = passCost(shape, rows, stored);
  const computeSeconds = cost.flops / (hardware.peak * servingShares.compute * devices);
  const memorySeconds = totalBytes(cost) / (hardware.bandwidth * servingShares.bandwidth * devices);
  const overheadSeconds = hardware.layerSeconds * shape.layers;
  const longer = Math.max(computeSeconds, memorySeconds);
  const bound = overheadSeconds > longer ? 'overhead' : computeSeconds > memorySeconds ? 'compute' : 'memory';
  return { seconds: longer + overheadSeconds, computeSeconds, memorySeconds, overheadSeconds, bound };
}
