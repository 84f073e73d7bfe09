import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AttsError } from '../errors.js';
import { type Run, readRun } from '../runs/read.js';
import type { Summary } from '../runs/records.js';

/** A finished run with the name it goes by in the report. */
export interface MethodRun extends Run {
  readonly name: string;
  readonly summary: Summary;
}

/**
 * The runs of a directory: the one run in it, or those of a comparison.
 * @throws AttsError `config` where there is neither, `run` where a run is not finished
 */
export function readMethodRuns(directory: string): MethodRun[] {
  const comparison = join(directory, 'compare.json');
  if (!existsSync(comparison)) {
    const run = readRun(directory);
    const { method, schedule } = run.manifest.config;
    return [named(method === 'atts' ? schedule : method, run)];
  }
  let methods: Record<string, unknown>;
  try {
    methods = JSON.parse(readFileSync(comparison, 'utf8')).methods as Record<string, unknown>;
  } catch {
    throw new AttsError('config', `${comparison} is not a comparison; make it again with atts compare`);
  }
  return Object.keys(methods).map((name) => named(name, readRun(join(directory, name))));
}

function named(name: string, run: Run): MethodRun {
  if (run.summary) return { ...run, name, summary: run.summary };
  throw new AttsError('run', `${run.path} is not finished; run its command again to resume it`);
}
