/** What the passes of a model take, measured through its engine: the step times that a simulation needs. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { EngineTimer } from '../bench/engine-timer.js';
import { medianOf } from '../bench/median-of.js';
import { promptTokens, scorePromptTokens } from '../bench/prompts.js';
import type { Engine } from '../engine/engine.js';
import { type PassRecord, phaseOf } from '../engine/pass-record.js';
import { AttsError } from '../errors.js';
import type { MachineRoofs } from './intensity.js';
import type { KnownLimits } from './machine-limits.js';
import type { ModelOps } from './op-costs.js';
import { bounds } from './op-rates.js';
import { type PassRows, passCost, storedBytes, totalBytes } from './pass-cost.js';
import { type PredictedModel, predictPass, rooflinePass } from './predict.js';
import { profiledOpSchema, profiledOps } from './profiled-ops.js';

const passSchema = z.object({
  phase: z.enum(['decode', 'score']),
  /** Sequences that write a token, or tokens of one sequence that are scored. */
  rows: z.int().positive(),
  /** Tokens of each sequence that are in the cache; absent where they are as few as by default. */
  cached: z.int().positive().optional(),
  seconds: z.number().positive(),
  flops: z.number().positive(),
  bytes: z.number().positive(),
  /** One by one, layers together, where the device tells their times; and what lies between them and the next pass. */
  ops: z.array(profiledOpSchema).readonly().optional(),
  betweenSeconds: z.number().optional(),
  /** By the machine's roofs, where these were known. */
  predicted: z.object({ seconds: z.number(), bound: z.enum(bounds) }).optional(),
});

const profileSchema = z.object({
  schema: z.literal('atts.profile/1'),
  model: z.string(),
  dtype: z.string(),
  backend: z.string(),
  build: z.string(),
  threads: z.int().positive().nullable(),
  passes: z.array(passSchema).min(2),
});

export type ModelProfile = z.infer<typeof profileSchema>;
export type ProfiledPass = z.infer<typeof passSchema>;

export interface ProfileOptions extends PredictedModel {
  readonly threads?: number | null;
  /** Of the machine, for a prediction beside what is measured. */
  readonly limits?: KnownLimits;
  /** Of a GPU, for the least time that they allow. */
  readonly roofs?: MachineRoofs;
  readonly decodeRows?: readonly number[];
  readonly scoreRows?: readonly number[];
  /** Tokens in the cache for the passes that are measured at several lengths, `lengthRows` of them. */
  readonly lengths?: readonly number[];
  /** Milliseconds that all repeats of a kind of pass may take: fewer repeats of slow ones, and no warm-up. */
  readonly budget?: number;
  readonly onPass?: (pass: ProfiledPass) => void;
  /** For the times of single ops. */
  readonly watch?: WatchedPasses;
}

/** The passes of an engine that was opened to time the ops of all of them. */
export interface WatchedPasses {
  readonly model: ModelOps;
  readonly roofs: MachineRoofs;
  /** Those since the last call. */
  take(): readonly PassRecord[];
}

/** Rows at which longer contexts are measured. */
const lengthRows = { decode: [1, 8], score: [64] } as const;
const repeats = 5;
const warmUpMilliseconds = 3000;
const decodedTokens = 16;

/** Passes of the fewest and the most rows of each phase, after prompts of the usual length. */
export function fewestAndMost(passes: ModelProfile['passes']): ModelProfile['passes'] {
  return (['decode', 'score'] as const).flatMap((phase) => {
    const own = passes.filter((pass) => pass.phase === phase && pass.cached === undefined);
    return own.length > 1 ? [own[0], own[own.length - 1]] : own;
  });
}

/**
 * Measures decode steps and scores at several numbers of rows and lengths: medians of five, or of what the budget has time
 * for, after one that is not counted.
 */
export async function profileModel(engine: Engine, options: ProfileOptions): Promise<ModelProfile> {
  const { shape, threads = null, decodeRows = [1, 2, 4, 8, 16, 32, 64], scoreRows = [16, 32, 64, 128, 256] } = options;
  const { contextLength, id, dtype, backend, build } = engine.model;
  const lengths = (options.lengths ?? [256, 1024]).filter((cached) => cached + lengthRows.score[0] <= contextLength);
  const timer = new EngineTimer(engine, shape.vocabSize);
  const stored = storedBytes({ ...shape, ...options });
  const passes: ProfiledPass[] = [];
  // Until the compilers are done with what passes run.
  const warm = performance.now() + (options.budget === undefined ? warmUpMilliseconds : 0);
  while (performance.now() < warm) {
    await timer.decode(4, decodedTokens);
    await timer.score(scoreRows[0]);
  }
  const add = async (phase: ProfiledPass['phase'], rows: number, cached: number | undefined) => {
    const pass =
      phase === 'decode'
        ? decodePass(rows, (cached ?? promptTokens) + decodedTokens / 2)
        : scorePass(rows, cached ?? scorePromptTokens);
    const time = () => (phase === 'decode' ? timer.decode(rows, decodedTokens, cached) : timer.score(rows, cached));
    const { limits, roofs, watch } = options;
    watch?.take();
    const seconds = (await medianOf(repeats, time, options.budget)) / 1000;
    const own = watch?.take().filter((one) => phaseOf(one) === phase && one.sequences.length === pass.sequences.length);
    const ops = watch && own && profiledOps(own, seconds, watch.model, watch.roofs);
    const cost = passCost(shape, pass, stored);
    const measured: ProfiledPass = {
      ...{ phase, rows, ...(cached && { cached }), seconds, flops: cost.flops, bytes: totalBytes(cost) },
      ...ops,
      ...(limits && { predicted: predictPass(limits, options, pass) }),
      ...(roofs && { predicted: rooflinePass(roofs, shape, pass, stored) }),
    };
    passes.push(measured);
    options.onPass?.(measured);
  };
  for (const rows of decodeRows) await add('decode', rows, undefined);
  for (const rows of scoreRows.filter((rows) => rows + scorePromptTokens <= contextLength)) {
    await add('score', rows, undefined);
  }
  for (const phase of ['decode', 'score'] as const) {
    for (const cached of lengths) for (const rows of lengthRows[phase]) await add(phase, rows, cached);
  }
  return { schema: 'atts.profile/1', model: id, dtype, backend, build, threads, passes };
}

const decodePass = (rows: number, cached: number): PassRows => ({
  ...{ sequences: Array.from({ length: rows }, () => ({ cached, rows: 1 })), sampled: rows, scored: 0 },
});

const scorePass = (rows: number, cached: number): PassRows => ({
  ...{ sequences: [{ cached, rows }], sampled: 0, scored: rows },
});

/** @throws AttsError `usage` for a file that is no profile */
export function readProfile(path: string): ModelProfile {
  try {
    return profileSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    throw new AttsError('usage', `${path} is not a profile; atts profile MODEL --out ${path} writes one`);
  }
}

/**
 * Seconds of any pass, from measured ones: decode rows by the decode curve, other rows by what they add on the score
 * curve. Linear between measurements and beyond the last.
 */
export function passTimer({ passes, model }: ModelProfile): (rows: PassRows) => number {
  const curve = (phase: ProfiledPass['phase']) => {
    const own = passes
      .filter((pass) => pass.phase === phase && pass.cached === undefined)
      .sort((a, b) => a.rows - b.rows);
    if (own.length < 2) throw new AttsError('usage', `the profile of ${model} needs two ${phase} passes or more`);
    return (rows: number) => interpolate(own, rows);
  };
  const [decode, score] = [curve('decode'), curve('score')];
  return ({ sequences, sampled }) => {
    const rows = sequences.reduce((sum, sequence) => sum + sequence.rows, 0);
    const decoding = Math.min(sampled, sequences.filter((sequence) => sequence.rows === 1).length);
    if (decoding === rows) return decode(rows);
    return decoding === 0 ? score(rows) : decode(decoding) + score(rows) - score(decoding);
  };
}

function interpolate(points: readonly ProfiledPass[], rows: number): number {
  const above = Math.max(
    1,
    points.findIndex((point) => point.rows >= rows),
  );
  const [a, b] = [points[above - 1], points[above]];
  const [left, right] = rows > (points.at(-1) as ProfiledPass).rows ? points.slice(-2) : [a, b];
  const slope = (right.seconds - left.seconds) / (right.rows - left.rows);
  // Fewer rows than were measured take no less than the fewest measured would, scaled.
  return Math.max(
    left.seconds + slope * (rows - left.rows),
    (points[0].seconds * Math.min(rows, points[0].rows)) / points[0].rows,
  );
}
