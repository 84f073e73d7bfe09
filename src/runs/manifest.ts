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

/**
 * What decides the result must be equal; where and by which release it was made may differ.
 * @throws AttsError `config` naming the first field that differs, with both values
 */
export function refuseOtherRun(path: string, old: RunManifest, now: RunManifest): void {
  const [before, after] = [decisive(old), decisive(now)];
  for (const field of Object.keys(after)) {
    const [was, is] = [before[field], after[field]];
    // A hash that one side never took proves nothing.
    if (was === undefined || is === undefined) continue;
    if (JSON.stringify(was) !== JSON.stringify(is)) {
      throw new AttsError(
        'config',
        `${path} was made with ${field} ${show(was)}, not ${show(is)}; choose another --out or restore the setting`,
      );
    }
  }
}

/** How a resumed run differs from what began it, without changing its chains; null where nothing does. */
export function resumeNote(old: RunManifest, now: RunManifest): string | null {
  const [before, after]: Record<string, unknown>[] = [
    { ...old.versions, ...old.machine },
    { ...now.versions, ...now.machine },
  ];
  const changes = Object.keys(after)
    .filter((field) => before[field] !== after[field])
    .map((field) => `${field} ${show(after[field])} (was ${show(before[field])})`);
  return changes.length > 0 ? `resumed with ${changes.join(', ')}` : null;
}

function decisive(manifest: RunManifest): Record<string, unknown> {
  const { config, draft, target, dataset, promptFile, bankHash, kernelBuild } = manifest;
  const { threads, profile, ...deciding } = config;
  return {
    ...deciding,
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

function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
