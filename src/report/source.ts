import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { AttsError } from '../errors.js';
import { type LedgerFile, readLedger } from '../runs/ledger-file.js';
import { type Run, readRun } from '../runs/read.js';
import type { Summary } from '../runs/records.js';
import { summarySchema } from '../runs/schemas.js';
import type { ColourName } from './palette.js';

/** In the order in which they are shown. */
export const methodNames = ['draft-only', 'target-only', 'sync', 'async'] as const;

export type MethodName = (typeof methodNames)[number];

export interface MethodRun {
  readonly name: MethodName;
  readonly run: Run;
  readonly summary: Summary;
  /** Null where the run was made without `--profile`. */
  readonly ledger: LedgerFile | null;
}

/** What a report is about: one run, or a comparison of several. */
export interface ReportSource {
  readonly directory: string;
  readonly isComparison: boolean;
  readonly methods: readonly MethodRun[];
}

const comparisonSchema = z.strictObject({
  schema: z.literal('atts.compare/1'),
  methods: z.partialRecord(z.enum(methodNames), summarySchema),
});

/** @throws AttsError `config` where there is no run, `run` where one is unfinished or damaged */
export function readSource(directory: string): ReportSource {
  if (!existsSync(join(directory, 'compare.json'))) {
    const run = readRun(directory);
    if (!run.summary) throw new AttsError('run', `${directory} is not finished; run its command again, then report`);
    const method = { name: nameOf(run.summary), run, summary: run.summary, ledger: readLedger(directory) };
    return { directory, isComparison: false, methods: [method] };
  }
  const summaries = readComparison(join(directory, 'compare.json'));
  const methods = methodNames.flatMap((name) => {
    const summary = summaries[name];
    const path = join(directory, name);
    return summary ? [{ name, run: readRun(path), summary, ledger: readLedger(path) }] : [];
  });
  return { directory, isComparison: true, methods };
}

/** Chains that a summary counts: what its sums are divided by. */
export function chainCount({ chains }: Summary): number {
  return Math.max(1, chains.finished + chains.failed);
}

/** What the figures of the rejection rate draw: a curve or a row of points each. */
export interface JudgedStream {
  readonly name: string;
  readonly colour: ColourName;
  readonly rejection: NonNullable<Summary['rejection']>;
  /** In the order of the decisions. */
  readonly rejected: readonly boolean[];
}

export function judgedStreams(source: ReportSource): JudgedStream[] {
  return judgedRuns(source).map(({ name, run, rejection }) => ({
    name,
    // Only a method that judges has a stream, and its name is that of its colour.
    colour: name as 'sync' | 'async',
    rejection,
    // The order of the records is that of the decisions.
    rejected: run.events.flatMap(({ rejected }) => (rejected === null ? [] : [rejected])),
  }));
}

/** Runs in which chunks were judged. */
export function judgedRuns(source: ReportSource): (MethodRun & { rejection: NonNullable<Summary['rejection']> })[] {
  return source.methods.flatMap((method) =>
    method.summary.rejection ? [{ ...method, rejection: method.summary.rejection }] : [],
  );
}

export function findMethod(source: ReportSource, name: MethodName): MethodRun | null {
  return source.methods.find((method) => method.name === name) ?? null;
}

/** The method whose ops are shown: ours before its baselines, of those that were profiled. */
export function profiledMethod({ methods }: ReportSource): (MethodRun & { readonly ledger: LedgerFile }) | null {
  const profiled = methods.flatMap((method) => (method.ledger ? [{ ...method, ledger: method.ledger }] : []));
  return profiled.at(-1) ?? null;
}

export const directoryName = ({ directory }: ReportSource): string => basename(resolve(directory));

function nameOf({ method, schedule }: Summary): MethodName {
  return method === 'atts' ? schedule : method;
}

function readComparison(path: string): z.infer<typeof comparisonSchema>['methods'] {
  let methods: z.infer<typeof comparisonSchema>['methods'];
  try {
    methods = comparisonSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).methods;
  } catch (cause) {
    throw new AttsError('run', `${path} is not a comparison this version can read; run atts compare again`, { cause });
  }
  if (Object.keys(methods).length === 0) throw new AttsError('run', `${path} compares nothing; run atts compare again`);
  return methods;
}
