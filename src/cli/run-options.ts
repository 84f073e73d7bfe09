import { readFileSync } from 'node:fs';
import type { Options } from 'yargs';
import { AttsError, type RunConfig, runConfigSchema } from '../index.js';

type Field = keyof RunConfig;

/** What a flag says of itself, by field of the run configuration; everything else comes from the schema. */
const descriptions: Record<Field, string> = {
  method: 'atts, or one model alone',
  draft: 'Draft model: embedded name or folder',
  target: 'Target model: embedded name or folder',
  dataset: 'abacus, abacus:generated, or a JSON/JSONL file',
  limit: 'First so many problems',
  samples: 'Chains a problem',
  turns: 'Most turns a chain',
  draftTokens: 'Tokens of a draft chunk',
  targetTokens: 'Tokens of a target chunk',
  temperature: 'Sampling temperature, 0 = greedy',
  topP: 'Nucleus sampling mass',
  rejectionRate: 'Wanted rejection rate α',
  calibration: 'Rule that decides on a chunk',
  pValue: 'p-value of a score',
  calibrateOn: 'Split the calibration scores come from',
  calibrationProblems: 'Calibration problems',
  calibrationSamples: 'Calibration chunks a problem',
  bank: 'Saved score bank (atts calibrate)',
  gamma: 'Step size of the online rule',
  schedule: 'With or without barriers',
  policy: 'What becomes of a rejected chunk',
  chunk: 'Where a chunk ends',
  cue: 'Text between a rejected chunk and its continuation',
  verifyAnswers: "Score chunks that hold an answer (default: the policy's own)",
  prompt: 'Chat template or plain text',
  concurrency: 'Chains in flight',
  seed: 'Seed of all random numbers',
  backend: 'tfjs backend',
  memory: 'Cap on the KV cache of each model, MiB',
};

const numeric = new Set<Field>([
  ...(['limit', 'samples', 'turns', 'draftTokens', 'targetTokens', 'temperature', 'topP', 'rejectionRate'] as const),
  ...(['calibrationProblems', 'calibrationSamples', 'gamma', 'concurrency', 'seed', 'memory'] as const),
]);

const kebab = (field: string) => field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The flags of everything that runs the method, one a field of the configuration. */
export function runFlags(leaveOut: readonly Field[] = []): Record<string, Options> {
  const defaults = runConfigSchema.parse({});
  const flags: Record<string, Options> = {
    config: { type: 'string', describe: 'JSON file of settings; flags go over it' },
    json: { type: 'boolean', default: false, describe: 'One JSON document on standard output' },
  };
  for (const [name, describe] of Object.entries(descriptions) as [Field, string][]) {
    if (leaveOut.includes(name)) continue;
    const fallback = defaults[name];
    // Values stay strings here, so that the schema judges what was really given.
    flags[kebab(name)] = {
      ...(name === 'verifyAnswers' ? { type: 'boolean' } : { type: 'string', requiresArg: true }),
      describe: fallback === null || name === 'method' ? describe : `${describe} [${fallback}]`,
    };
  }
  return flags;
}

/** The configuration that flags and `--config` make. @throws AttsError `usage` naming flag, value and what is allowed */
export function readRunConfig(argv: Record<string, unknown>, fixed: Partial<RunConfig> = {}): RunConfig {
  const given: Record<string, unknown> = typeof argv.config === 'string' ? readConfigFile(argv.config) : {};
  for (const field of Object.keys(descriptions) as Field[]) {
    const value = argv[kebab(field)];
    if (value === undefined) continue;
    if (Array.isArray(value)) throw new AttsError('usage', `--${kebab(field)} is given more than once`);
    given[field] = numeric.has(field) && String(value).trim() !== '' ? Number(value) : value;
    if (numeric.has(field) && Number.isNaN(given[field])) {
      throw new AttsError('usage', `--${kebab(field)} must be a number (got ${value})`);
    }
  }
  const parsed = runConfigSchema.safeParse({ ...given, ...fixed });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  if (issue.code === 'unrecognized_keys') {
    throw new AttsError('usage', `${argv.config}: unknown setting ${issue.keys[0]}; atts run --help lists them`);
  }
  const field = String(issue.path[0]);
  throw new AttsError('usage', `--${kebab(field)}: ${issue.message} (got ${String(given[field])})`);
}

function readConfigFile(path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'is not JSON';
    throw new AttsError('usage', `--config ${path} ${why}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AttsError('usage', `--config ${path} must hold one JSON object`);
  }
  return value as Record<string, unknown>;
}
