import { z } from 'zod';
import { backendChoices } from '../../kernels/backends/names.js';
import { calibrationNames } from '../conformal/calibrator.js';
import { shardSchema } from './shard.js';

/** Every setting of a run, validated at the door. Names are those of the command line in camelCase. */
export const runConfigSchema = z.strictObject({
  method: z.enum(['atts', 'draft-only', 'target-only']).default('atts'),
  draft: z.string().min(1).default('abacus-llama-0.4m'),
  target: z.string().min(1).default('abacus-qwen3-2m'),
  dataset: z.string().min(1).default('abacus'),
  /** First so many problems; null = all. */
  limit: z.int().positive().nullable().default(null),
  /** One of several runs that share the problems; null = all problems in one. */
  shard: shardSchema.nullable().default(null),
  samples: z.int().positive().default(16),
  turns: z.int().positive().default(15),
  draftTokens: z.int().positive().default(32),
  targetTokens: z.int().positive().default(32),
  temperature: z.number().min(0).default(0.8),
  topP: z.number().gt(0).max(1).default(1),
  rejectionRate: z.number().gt(0).lt(1).default(0.4),
  calibration: z.enum(calibrationNames).default('online'),
  pValue: z.enum(['conformal', 'smoothed', 'percentile']).default('conformal'),
  /** Where calibration scores are drawn from: a split that shares no problem with the evaluation, or the test itself. */
  calibrateOn: z.enum(['calibration', 'test']).default('calibration'),
  calibrationProblems: z.int().positive().default(60),
  calibrationSamples: z.int().positive().default(4),
  /** A saved score bank; null = build one. */
  bank: z.string().nullable().default(null),
  /** Whether every score counts once in a bank, or every problem. */
  bankWeights: z.enum(['none', 'problem']).default('none'),
  /** Step size of the rules that learn from their decisions; null = the rule's own. */
  gamma: z.number().positive().nullable().default(null),
  /** The rules that learn: the bank takes in the run's own scores, each after its decision. */
  growBank: z.boolean().default(true),
  schedule: z.enum(['async', 'sync']).default('async'),
  policy: z.enum(['continue', 'replace']).default('continue'),
  chunk: z.enum(['tokens', 'paragraph']).default('tokens'),
  cue: z.string().nullable().default(null),
  /** Score a draft chunk that already holds an answer; null = the policy's own default (continue: no, replace: yes). */
  verifyAnswers: z.boolean().nullable().default(null),
  /** file: a user's own wording. */
  prompt: z.union([z.enum(['chat', 'paper', 'raw']), z.templateLiteral(['file:', z.string().min(1)])]).default('chat'),
  /** Chains in flight. */
  concurrency: z.int().positive().default(64),
  seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(0),
  backend: z.enum(backendChoices).default('auto'),
  /** How weights are kept; auto = as they are stored, where that is exact. q8 and q4 are quantised on loading. */
  dtype: z.enum(['auto', 'f32', 'f16', 'bf16', 'q8', 'q4']).default('auto'),
  cacheDtype: z.enum(['f32', 'bf16']).default('f32'),
  /** Threads of the simd backend; null = as many as the machine runs at once. No result depends on it. */
  threads: z.int().positive().max(256).nullable().default(null),
  /** Whether the two models take turns on one device, or each has a thread and processors of its own. */
  placement: z.enum(['shared', 'separate']).default('shared'),
  /** Count what every forward pass costs, for `intensity` in the summary. No result depends on it. */
  profile: z.boolean().default(false),
  /** Cap on what each model takes beside its weights, MiB: 256 of it, at most half, are left to what is not the KV cache. */
  memory: z.number().positive().default(512),
});

export type RunConfig = z.infer<typeof runConfigSchema>;
