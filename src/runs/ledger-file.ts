import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { passOps } from '../../kernels/op-clock.js';
import { writeFileAtomic } from '../atomic-file.js';
import { phases } from '../engine/pass-record.js';
import { AttsError } from '../errors.js';
import { bounds } from '../profiler/op-rates.js';
import { wideJson } from './wide-json.js';

const bytes = z.object({ weights: z.number(), activations: z.number(), cache: z.number() });
const cost = { flops: z.number(), bytes };
const sums = z.object({ passes: z.number(), rows: z.number(), seconds: z.number(), ...cost });
const phase = sums.extend({ timedPasses: z.number(), betweenSeconds: z.number().nullable() });

const rates = {
  ...{ seconds: z.number().nullable(), roofSeconds: z.number(), intensity: z.number() },
  ...{ gflops: z.number().nullable(), gbytes: z.number().nullable(), roofShare: z.number().nullable() },
  bound: z.enum(bounds),
};
const keys = { phase: z.enum(phases), op: z.enum(passOps), layer: z.int().nullable() };
const op = z.object({ ...keys, shape: z.string(), dtype: z.string(), passes: z.number(), ...cost, ...rates });

const model = z.enum(['draft', 'target']);
const sum = z.object({ model, ...cost, ...rates });
const turn = z.object({
  ...{ turn: z.int(), model, calls: z.number() },
  ...{ flops: z.number(), bytes: z.number(), seconds: z.number() },
});
const list = <T extends z.ZodType>(item: T) => z.array(item).readonly();

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

/**
 * What every model of a run did, op by op, what that comes to, and the measured roofs it is held against. Times are
 * seconds, FLOPs and bytes those of all passes; rates are GFLOP/s and GB/s.
 */
const ledgerSchema = z.object({
  schema: z.literal('atts.ledger/2'),
  /** FLOP/s and bytes/s. */
  roofs: z.object({
    ...{ peak: z.number().positive(), bandwidth: z.number().positive(), int16Peak: z.number().positive().optional() },
    levels: list(
      z.object({ level: z.string(), capacity: z.number().nullable().optional(), bandwidth: z.number().positive() }),
    ).optional(),
    opSeconds: z.number().positive().optional(),
  }),
  models: z.partialRecord(
    model,
    z.object({
      shape,
      phases: z.partialRecord(keys.phase, phase),
      ops: list(op),
      untimed: z.string().nullable(),
      total: sums,
      times,
    }),
  ),
  sums: z.object({
    op: list(sum.extend({ op: keys.op })),
    layer: list(sum.extend({ layer: keys.layer })),
    phase: list(sum.extend({ phase: keys.phase })),
    engine: list(sum),
    turn: list(turn),
  }),
  /** Writing finished chains to the disk, synced. */
  records: z.object({ chains: z.number(), seconds: z.number() }),
});

export type LedgerFile = z.infer<typeof ledgerSchema>;

const place = (directory: string) => join(directory, 'ledger.json');

export function writeLedger(directory: string, ledger: LedgerFile): void {
  writeFileAtomic(place(directory), `${wideJson(ledger)}\n`);
}

/**
 * Null where the run was made without `--profile`.
 * @throws AttsError `run` for a file that is no ledger
 */
export function readLedger(directory: string): LedgerFile | null {
  if (!existsSync(place(directory))) return null;
  const path = place(directory);
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(path, 'utf8'));
    return ledgerSchema.parse(document);
  } catch (cause) {
    const { schema } = Object(document) as { schema?: unknown };
    const what =
      schema === 'atts.ledger/1'
        ? 'is of an older version, which did not time single ops'
        : 'is not a ledger this version can read';
    throw new AttsError('run', `${path} ${what}; run with --profile again`, { cause });
  }
}
