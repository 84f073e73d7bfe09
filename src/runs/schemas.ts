import { z } from 'zod';
import { runConfigSchema } from './config.js';
import type { ChainRecord, ModelCallEvent } from './records.js';

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
  dataset: z.strictObject({ name: z.string(), hash: z.string(), problems: count }),
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
});

export type RunManifest = z.infer<typeof manifestSchema>;
