/** What is measured on an adapter that is a processor, which takes seconds where a GPU takes milliseconds. All pure. */
import type { Cost } from '../cost.js';
import type { BenchCase, BenchResult } from './measure.js';

/** Seconds: of one run of a case, and of all cases of an op, from when none is begun any more. */
export const softwareBudget = { run: 2, op: 12 };

/** A case that was not run. */
export interface SkippedCase extends Pick<BenchCase, 'op' | 'dtype' | 'rows' | 'shape'> {
  /** One clause. */
  readonly why: string;
}

/**
 * Why a case is not to be run; null where it is.
 * @param known results so far: a case is taken to run at the best of their rates, so that none is left out in vain
 * @param spent seconds that its op has taken so far
 */
export function reasonToSkip(
  { flops }: Cost,
  known: readonly Pick<BenchResult, 'gflops'>[],
  spent: number,
): string | null {
  if (spent > softwareBudget.op) return `its op has had its ${softwareBudget.op} s`;
  const rate = known.reduce((best, { gflops }) => Math.max(best, gflops), 0);
  const least = rate > 0 ? flops / rate / 1e9 : 0;
  return least > softwareBudget.run ? `a run would take ${least.toFixed(1)} s or more` : null;
}
