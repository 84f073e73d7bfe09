import { isSoftwareAdapter } from '../../kernels/backends/software-adapter.js';

/** What is known of a machine that could make it faster. */
export interface MachineFacts {
  readonly cores: number;
  /** Processors that this process may use at once. */
  readonly usableCores: number;
  /** Mean number of programs that ran or waited to, over the last minute. */
  readonly load: number;
  /** Compiled kernels of the simd backend: `relaxed-fma-…`. */
  readonly kernels: string;
  /** Read bandwidth, GB/s. */
  readonly bandwidth: number;
  readonly freeGiB: number;
  /** Backends that work and compute on a GPU. */
  readonly gpuBackends: readonly string[];
}

/** Whether a backend, by its build, computes on a GPU, and not on a processor that stands for one. */
export function isOnGpu({ name, build }: { readonly name: string; readonly build: string }): boolean {
  return name === 'webgpu' ? !isSoftwareAdapter(build) : build.endsWith(' GPU');
}

const scarceGiB = 2;

/** What would make it faster here, a line each, the largest gain first. */
export function advise(facts: MachineFacts): string[] {
  const { cores, usableCores, load, kernels, bandwidth, freeGiB, gpuBackends } = facts;
  const advice: string[] = [];
  if (gpuBackends.length > 0) {
    advice.push(
      `a GPU works with --backend ${gpuBackends.join(' or ')}: atts profile MODEL --backend NAME shows what it gains`,
    );
  }
  if (load > usableCores / 2) {
    advice.push(
      `there is a load of ${load.toFixed(1)} on ${usableCores} processors: end other programs, or leave them room with --threads`,
    );
  }
  if (usableCores < cores) {
    advice.push(
      `this process may use ${usableCores} of ${cores} processors: lift its affinity or its container's limit`,
    );
  }
  if (freeGiB < scarceGiB) {
    advice.push(
      `only ${freeGiB.toFixed(1)} GiB of memory are free: end other programs, or keep weights smaller with --dtype q4`,
    );
  }
  if (kernels.startsWith('plain')) {
    advice.push('this Node.js has no relaxed SIMD: a newer one multiplies and adds in one instruction');
  }
  const perSecond = bandwidth < 10 ? bandwidth.toFixed(1) : bandwidth.toFixed(0);
  advice.push(
    `a chain alone writes at most ${perSecond} tokens/s for each GB of weights: --dtype q8 keeps 8.5 bits of float32's 32, q4 keeps 5; more chains at a time (--concurrency) share each reading`,
  );
  return advice;
}
