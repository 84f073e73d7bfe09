import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { AttsError } from '../errors.js';
import { writeFileAtomic } from './atomic.js';

const bytes = z.object({ weights: z.number(), activations: z.number(), cache: z.number() });
const phase = z.object({ passes: z.number(), rows: z.number(), seconds: z.number(), flops: z.number(), bytes });

const shape = z.object({
  ...{ layers: z.int(), hiddenSize: z.int(), intermediateSize: z.int(), vocabSize: z.int() },
  ...{ heads: z.int(), kvHeads: z.int(), headDim: z.int() },
});

const times = z.object({
  coefficients: z.array(z.number()).length(5).readonly(),
  coldSeconds: z.array(z.number()).readonly(),
  host: z.object({
    ...{ passes: z.number(), seconds: z.number(), ended: z.number() },
    ...{ quietPasses: z.number(), quietSeconds: z.number() },
  }),
});

/** What every model of a run did, by phase and by op, and the measured roofs it is held against. */
export const ledgerSchema = z.object({
  schema: z.literal('atts.ledger/1'),
  /** FLOP/s and bytes/s. */
  roofs: z.object({
    ...{ peak: z.number().positive(), bandwidth: z.number().positive(), int16Peak: z.number().positive().optional() },
    levels: z
      .array(z.object({ level: z.string(), bandwidth: z.number().positive() }))
      .readonly()
      .optional(),
  }),
  models: z.partialRecord(
    z.enum(['draft', 'target']),
    z.object({
      shape,
      phases: z.record(z.string(), phase),
      ops: z.record(z.string(), z.object({ flops: z.number(), bytes })),
      total: phase,
      times,
    }),
  ),
  /** Writing finished chains to the disk, synced. */
  records: z.object({ chains: z.number(), seconds: z.number() }),
});

export type LedgerFile = z.infer<typeof ledgerSchema>;

const place = (directory: string) => join(directory, 'ledger.json');

export function writeLedger(directory: string, ledger: LedgerFile): void {
  writeFileAtomic(place(directory), `${JSON.stringify(ledger, null, 2)}\n`);
}

/**
 * Null where the run was made without `--profile`.
 * @throws AttsError `run` for a file that is no ledger
 */
export function readLedger(directory: string): LedgerFile | null {
  if (!existsSync(place(directory))) return null;
  try {
    return ledgerSchema.parse(JSON.parse(readFileSync(place(directory), 'utf8')));
  } catch (cause) {
    throw new AttsError('run', `${place(directory)} is not a ledger this version can read; run with --profile again`, {
      cause,
    });
  }
}
