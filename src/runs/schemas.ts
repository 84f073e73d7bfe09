import { z } from 'zod';
import { runConfigSchema } from './config.js';
import type { ChainRecord, ModelCallEvent, Summary } from './records.js';

const count = z.int().min(0);

export const eventSchema: z.ZodType<ModelCallEvent> = z.strictObject({
  problem: z.string(),
  sample: count,
  turn: count,
  kind: z.enum(['draft', 'score', 'target']),
  queued: z.number(),
  started: z.number(),
  finished: z.number(),
  promptTokens: count,
  cachedTokens: count,
  tokens: count,
  score: z.number().nullable(),
  p: z.number().nullable(),
  alpha: z.number().nullable(),
  rejected: z.boolean().nullable(),
  barrier: z.number(),
});

export const chainSchema: z.ZodType<ChainRecord> = z.strictObject({
  problem: z.string(),
  sample: count,
  chunks: z.array(
    z.strictObject({
      author: z.enum(['draft', 'target', 'cue']),
      text: z.string(),
      tokens: count,
      rejected: z.boolean(),
      ids: z.array(count),
      score: z.number().nullable(),
      turn: count,
    }),
  ),
  answer: z.string().nullable(),
  correct: z.boolean(),
  grader: z.enum(['rules', 'judge']).optional(),
  turns: count,
  status: z.enum(['finished', 'failed']),
  error: z.string().nullable(),
  barrier: z.number(),
  started: z.number(),
  finished: z.number(),
});

const modelSchema = z.strictObject({ id: z.string(), hash: z.string(), fingerprint: z.string() }).nullable();

/** `run.json`: everything that decides a run's result, and where it ran. */
export const manifestSchema = z.strictObject({
  schema: z.literal('atts.run/1'),
  config: runConfigSchema,
  draft: modelSchema,
  target: modelSchema,
  dataset: z.strictObject({
    ...{ name: z.string(), hash: z.string(), problems: count },
    /** Repository of a hub, at a commit. */
    source: z.strictObject({ repository: z.string(), revision: z.string(), files: z.array(z.string()) }).optional(),
    /** By problem: the letter of the right option, and where each option shown stands in the data set (`C of 2,3,0,1`). */
    choices: z.record(z.string(), z.string()).optional(),
  }),
  /** The user's own wording of the prompt. */
  promptFile: z.strictObject({ text: z.string(), hash: z.string() }).optional(),
  /** SHA-256 of a score bank given from outside. Absent: not taken; the run's own bank lies beside its records. */
  bankHash: z.string().nullable().optional(),
  /** Backend and kernels, which decide the last bits of every score. */
  kernelBuild: z.string(),
  versions: z.strictObject({ atts: z.string(), node: z.string(), tfjs: z.string() }),
  machine: z.strictObject({
    platform: z.string(),
    arch: z.string(),
    cpu: z.string(),
    cores: count,
    memoryGiB: z.number(),
  }),
  created: z.string(),
  /** How many shards it was merged from; absent in a run of its own. */
  shards: count.optional(),
  /** What changed around a resumed run without changing its chains (another release, another machine), and doubts. */
  notes: z.array(z.string()).optional(),
});

export type RunManifest = z.infer<typeof manifestSchema>;

const range = z.strictObject({ min: z.number(), max: z.number() });
const perCount = z.record(z.string(), z.number());
const intervalPerCount = z.record(z.string(), z.tuple([z.number(), z.number()]));

export const summarySchema: z.ZodType<Summary> = z.strictObject({
  schema: z.literal('atts.summary/1'),
  method: z.enum(['atts', 'draft-only', 'target-only']),
  schedule: z.enum(['async', 'sync']),
  draft: z.string().nullable(),
  target: z.string().nullable(),
  dataset: z.string(),
  problems: count,
  samples: count,
  seed: count,
  shard: z.string().optional(),
  shards: count.optional(),
  accuracy: z.strictObject({
    mean: z.number(),
    ci95: z.tuple([z.number(), z.number()]),
    passAt: perCount,
    majAt: perCount,
    passAtCi95: intervalPerCount.optional(),
    majAtCi95: intervalPerCount.optional(),
  }),
  rejection: z
    .strictObject({
      wanted: z.number(),
      overall: z.number(),
      perTurn: z.array(z.strictObject({ turn: count, decisions: count, rate: z.number() })),
      rolling200: range.nullable(),
      bound: z.strictObject({ value: z.number(), holds: z.boolean() }).nullable(),
      ks: z.strictObject({ d: z.number(), p: z.number() }),
      martingaleLog10: z.number(),
      calibration: z.string(),
    })
    .nullable(),
  tokens: z.strictObject({
    draftGenerated: count,
    targetGenerated: count,
    targetScored: count,
    promptComputed: count,
    promptCached: count,
  }),
  time: z.strictObject({
    wallSeconds: z.number(),
    computeSeconds: z.number().nullable(),
    memorySeconds: z.number().nullable(),
    syncWaitSeconds: z.number(),
    queueWaitSeconds: z.number(),
  }),
  intensity: z.strictObject({ classical: z.number().nullable(), asynchronous: z.number().nullable() }),
  throughput: z.strictObject({ tokensPerSecond: z.number(), chainsPerSecond: z.number() }),
  chains: z.strictObject({ finished: count, failed: count, unanswered: count }),
});
