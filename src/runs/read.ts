import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AttsError } from '../errors.js';
import { readRecords } from './directory.js';
import { readManifest } from './manifest.js';
import type { ChainRecord, ModelCallEvent, Summary } from './records.js';
import { type RunManifest, summarySchema } from './schemas.js';

/** A run read from its directory. */
export interface Run {
  readonly path: string;
  readonly manifest: RunManifest;
  readonly chains: readonly ChainRecord[];
  readonly events: readonly ModelCallEvent[];
  /** Null while the run is not finished. */
  readonly summary: Summary | null;
}

/** @throws AttsError `config` where there is no run, `run` where a record or the summary is damaged */
export function readRun(path: string): Run {
  const manifest = readManifest(path);
  return { path, manifest, ...readRecords(path), summary: readSummary(join(path, 'summary.json')) };
}

function readSummary(path: string): Summary | null {
  if (!existsSync(path)) return null;
  try {
    return summarySchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new AttsError(
      'run',
      `${path} is not a summary this version can read; run the same command again to make it`,
      {
        cause,
      },
    );
  }
}
