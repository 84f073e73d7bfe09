import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readManifest, readRecords } from './directory.js';
import type { ChainRecord, ModelCallEvent, Summary } from './records.js';
import type { RunManifest } from './schemas.js';

/** A run read from its directory. */
export interface Run {
  readonly path: string;
  readonly manifest: RunManifest;
  readonly chains: readonly ChainRecord[];
  readonly events: readonly ModelCallEvent[];
  /** Null while the run is not finished. */
  readonly summary: Summary | null;
}

/** @throws AttsError `config` where there is no run */
export function readRun(path: string): Run {
  const manifest = readManifest(path);
  const summaryPath = join(path, 'summary.json');
  const summary = existsSync(summaryPath) ? (JSON.parse(readFileSync(summaryPath, 'utf8')) as Summary) : null;
  return { path, manifest, ...readRecords(path), summary };
}
