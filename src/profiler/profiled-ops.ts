/** The ops of one kind of pass, from its passes that were timed op by op. All pure. */
import { z } from 'zod';
import { passOps } from '../../kernels/op-clock.js';
import type { PassRecord } from '../engine/pass-record.js';
import { groupBy } from '../group-by.js';
import { median } from '../statistics/index.js';
import type { MachineRoofs } from './intensity.js';
import { Ledger } from './ledger.js';
import type { ModelOps } from './op-costs.js';
import { bounds, sumOps } from './op-rates.js';
import { totalBytes } from './pass-cost.js';

/** An op of a pass, its layers together; seconds, FLOPs and bytes are those of one pass. */
export const profiledOpSchema = z.object({
  ...{ op: z.enum(passOps), shape: z.string(), dtype: z.string(), layers: z.int() },
  ...{ seconds: z.number(), flops: z.number(), bytes: z.number(), intensity: z.number() },
  ...{ gflops: z.number().nullable(), gbytes: z.number().nullable(), roofShare: z.number().nullable() },
  bound: z.enum(bounds),
});

export type ProfiledOp = z.infer<typeof profiledOpSchema>;

/**
 * Medians over the passes that were timed op by op.
 * @param passes alike, and of one phase
 * @param seconds from one of them to the next: what ops do not take of it lies between them
 * @returns null where no pass was timed so
 */
export function profiledOps(
  passes: readonly PassRecord[],
  seconds: number,
  model: ModelOps,
  roofs: MachineRoofs,
): { readonly ops: readonly ProfiledOp[]; readonly betweenSeconds: number } | null {
  const timed = passes.filter(({ ops }) => ops !== undefined);
  if (timed.length === 0) return null;
  const spans = groupBy(
    timed.flatMap(({ ops = [] }) => ops),
    ({ op, layer }) => `${op} ${layer}`,
  );
  const medians = [...spans.values()].map((own) => ({ ...own[0], seconds: median(own.map((span) => span.seconds)) }));
  // Contexts grow from pass to pass: the one in the middle stands for all.
  const ledger = new Ledger(model, roofs);
  ledger.add({ ...timed[timed.length >> 1], ops: medians });
  const ops = [...groupBy(ledger.report().ops, ({ op }) => op).values()].map((own): ProfiledOp => {
    const { op, shape, dtype } = own[0];
    const { roofSeconds, ...sum } = sumOps(own);
    return {
      ...{ op, shape, dtype, layers: own.length, ...sum },
      ...{ seconds: sum.seconds ?? 0, bytes: totalBytes(sum) },
    };
  });
  return { ops, betweenSeconds: seconds - ops.reduce((sum, op) => sum + op.seconds, 0) };
}
