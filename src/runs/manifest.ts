import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AttsError } from '../errors.js';
import { manifestSchema, type RunManifest } from './schemas.js';

/** @throws AttsError `config` where there is no run, or one that this version cannot read */
export function readManifest(path: string): RunManifest {
  const file = join(path, 'run.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AttsError('config', `${path} is not a run directory: it has no readable run.json`, { cause });
  }
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AttsError('config', `${file} is not a manifest this version can read; choose another --out`, { cause });
  }
}

/** A field of two manifests that does not have the same value. */
export interface Difference {
  readonly field: string;
  readonly was: unknown;
  readonly is: unknown;
}

/**
 * What decides the result must be equal; where and by which release it was made may differ.
 * @throws AttsError `config` naming the first field that differs, with both values
 */
export function refuseOtherRun(path: string, old: RunManifest, now: RunManifest): void {
  const difference = decisiveDifference(old, now);
  if (!difference) return;
  const { field, was, is } = difference;
  const cure = field === 'kernel build' ? 'use the release and device that made it' : 'restore the setting';
  throw new AttsError(
    'config',
    `${path} was made with ${field} ${show(was)}, not ${show(is)}; choose another --out or ${cure}`,
  );
}

/** The first field that makes two runs different ones; null for one and the same run. */
export function decisiveDifference(old: RunManifest, now: RunManifest): Difference | null {
  const [before, after] = [decisive(old), decisive(now)];
  // A hash that one side never took proves nothing.
  const isComparable = ({ was, is }: Difference) => was !== undefined && is !== undefined;
  return differencesOf(before, after).find(isComparable) ?? null;
}

/** How two runs differ in what changes no chain: memory, release, machine. */
export function surroundingDifferences(old: RunManifest, now: RunManifest): Difference[] {
  const of = ({ config: { memory }, versions, machine }: RunManifest) => ({ memory, ...versions, ...machine });
  return differencesOf(of(old), of(now));
}

/** How a resumed run differs from what began it, without changing its chains; null where nothing does. */
export function resumeNote(old: RunManifest, now: RunManifest): string | null {
  const changes = surroundingDifferences(old, now).map(
    ({ field, was, is }) => `${field} ${show(is)} (was ${show(was)})`,
  );
  return changes.length > 0 ? `resumed with ${changes.join(', ')}` : null;
}

function differencesOf(before: Record<string, unknown>, after: Record<string, unknown>): Difference[] {
  return Object.keys(after)
    .filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]))
    .map((field) => ({ field, was: before[field], is: after[field] }));
}

function decisive(manifest: RunManifest): Record<string, unknown> {
  const { config, draft, target, dataset, promptFile, bankHash, kernelBuild, shards } = manifest;
  // Who has run out of memory goes on with less.
  const { threads, profile, memory, ...deciding } = config;
  return {
    ...deciding,
    'shards merged': shards ?? 0,
    draft: withoutHosts(config.draft),
    target: withoutHosts(config.target),
    'draft checkpoint': draft?.hash ?? null,
    'draft tokenizer': draft?.fingerprint ?? null,
    'target checkpoint': target?.hash ?? null,
    'target tokenizer': target?.fingerprint ?? null,
    'dataset contents': dataset.hash,
    'prompt file contents': promptFile?.hash ?? null,
    'score bank': bankHash,
    'kernel build': kernelBuild,
  };
}

/** Where servers listen decides nothing; what they serve is in the hashes. */
function withoutHosts(spec: string): string {
  return spec.replace(/^((?:sglang|vllm|openai)\b[^:]*:\/\/)[^/?#]*/, '$1…');
}

export function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
