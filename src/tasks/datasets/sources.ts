import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { snapshotOf } from '../../../models/hub/cache.js';
import { pull } from '../../../models/hub/pull.js';
import { AttsError } from '../../errors.js';
import type { DatasetSource } from '../problem.js';
import { math100 } from './math100.js';

/** Where a data set by name comes from: a file of a repository at one commit, so that it is the same for everybody. */
export interface NamedSet {
  readonly repository: string;
  /** Commit. */
  readonly revision: string;
  readonly file: string;
  /** File of the calibration split, where the set has one. */
  readonly calibrationFile?: string;
  /** Rows of the file that are the set, by position; the others are its calibration split. */
  readonly rows?: readonly number[];
}

const math500 = {
  repository: 'HuggingFaceH4/MATH-500',
  revision: '6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be',
  file: 'test.jsonl',
};

export const namedSets: Readonly<Record<string, NamedSet>> = {
  math500,
  'math500:math100': { ...math500, rows: math100 },
  gsm8k: {
    repository: 'openai/gsm8k',
    revision: '740312add88f781978c0658806c59bc2815b9866',
    file: 'main/test-00000-of-00001.parquet',
    calibrationFile: 'main/train-00000-of-00001.parquet',
  },
  amc23: {
    repository: 'math-ai/amc23',
    revision: '80815d37005feb82cd7f8fbc6901d5d3eff43057',
    file: 'test-00000-of-00001.parquet',
  },
  aime24: {
    repository: 'HuggingFaceH4/aime_2024',
    revision: '2fe88a2f1091d5048c0f36abc874fb997b3dd99a',
    file: 'data/train-00000-of-00001.parquet',
  },
  aime25: {
    repository: 'math-ai/aime25',
    revision: '563bb8404243c5f09de6ec262f2db674fe5bce9b',
    file: 'test.jsonl',
  },
  olympiadbench: {
    repository: 'Hothan/OlympiadBench',
    revision: '91184b52131e7fc9455fef848035173aea8cc01a',
    file: 'OlympiadBench/OE_TO_maths_en_COMP/OE_TO_maths_en_COMP.parquet',
  },
  gpqa: {
    repository: 'Idavidrein/gpqa',
    revision: '633f5ee89ab8ad4522a9f850766b73f62147ffdd',
    file: 'gpqa_diamond.csv',
  },
};

/**
 * The path of a set's file in the hub's cache; the hub is asked only for what is not there.
 * @throws AttsError `dataset` where it cannot be had
 */
export async function hubFile(name: string, { repository, revision }: NamedSet, file: string): Promise<string> {
  const from = { kind: 'dataset', name: repository } as const;
  const there = snapshotOf(from, revision);
  if (there !== null && existsSync(join(there, file))) return join(there, file);
  try {
    const { folder } = await pull(from, { revision, select: (files) => files.filter(({ path }) => path === file) });
    if (existsSync(join(folder, file))) return join(folder, file);
    throw new AttsError('io', `${repository} has no ${file} at ${revision}`);
  } catch (cause) {
    if (!(cause instanceof AttsError)) throw cause;
    throw new AttsError('dataset', `${cause.message}; or give a file of your own: --dataset ${name}=PATH`, { cause });
  }
}

export function sourceOf({ repository, revision }: NamedSet, files: readonly string[]): DatasetSource {
  return { repository, revision, files };
}
