/** Byte addresses of the control block at the bottom of the shared memory; pool.as.ts has the same. */
export const control = {
  epoch: 64,
  joined: 384,
  stop: 448,
  failed: 452,
  job: 512,
  threads: 516,
  operands: 520,
} as const;

/** Threads of a pool at most. */
export const mostThreads = 256;

/** The heap begins here: above the control block, the module's constants, and 16 KiB for every thread. */
export const reservedBytes = 65_536 + mostThreads * 16_384;

/** Codes of the jobs in kernels.as.ts. */
export const jobs = {
  linear: 1,
  rmsNorm: 2,
  ropeAppend: 3,
  attention: 4,
  gatedMlp: 5,
  embedding: 6,
  tokenLogProb: 7,
  sample: 8,
  read: 9,
  peak: 10,
  nothing: 11,
  peak16: 12,
  sweep: 13,
  peakExp: 14,
  peak8: 15,
  peak4: 16,
  peak4Tile: 17,
} as const;

export type JobName = keyof typeof jobs;

/** What the compiled module exports. */
export interface KernelExports {
  dispatch(): void;
  work(index: number): void;
  testMadd(a: number, b: number, c: number): number;
}

export function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  stalled: () => void,
): KernelExports {
  return new WebAssembly.Instance(module, { env: { memory }, pool: { stalled } }).exports as unknown as KernelExports;
}
