import { readFileSync } from 'node:fs';
import type { Argv, Options } from 'yargs';
import { z } from 'zod';
import { AttsError, type RunConfig, runConfigSchema } from '../index.js';

type Key = keyof RunConfig;

/** One setting of a run as a flag. */
export interface RunOption {
  readonly key: Key;
  readonly flag: string;
  readonly kind: 'text' | 'number' | 'choice' | 'boolean';
  /** In words: what the value may be. */
  readonly allowed: string;
  readonly nullable: boolean;
  readonly default: unknown;
  readonly description: string;
}

const descriptions: Record<Key, string> = {
  method: 'what is run',
  draft: 'model that writes: an embedded name or a folder',
  target: 'model that checks and repairs',
  dataset: 'problems: an embedded name or a JSONL file',
  limit: 'only the first so many problems',
  samples: 'chains a problem',
  turns: 'turns a chain, at most',
  draftTokens: 'tokens of a draft chunk, at most',
  targetTokens: 'tokens of a target chunk, at most',
  temperature: 'sampling temperature, 0 is greedy',
  topP: 'nucleus sampling mass',
  rejectionRate: 'share of draft chunks on which the target intervenes',
  calibration: 'rule that decides which chunks are rejected',
  pValue: 'p-value of a score',
  calibrateOn: 'where calibration scores are drawn from',
  calibrationProblems: 'problems of the calibration',
  calibrationSamples: 'chains a problem of the calibration',
  bank: 'file of calibration scores (made by atts calibrate)',
  gamma: 'step size of the online rule',
  schedule: 'async: no barrier; sync: all chains of a problem in lock-step',
  policy: 'continue: keep a rejected chunk; replace: the target writes it anew',
  chunk: 'where a chunk ends',
  cue: 'text between a rejected chunk and its continuation',
  verifyAnswers: 'score chunks that already hold an answer (default: as the policy does)',
  prompt: 'chat template, or the bare problem',
  concurrency: 'chains in flight',
  seed: 'of every random choice',
  backend: 'arithmetic: auto takes the fastest there is',
  memory: 'MiB of KV cache a model, at most',
};

interface JsonProperty {
  type?: string;
  enum?: unknown[];
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  anyOf?: JsonProperty[];
}

/** Every setting of a run, from the one schema. */
export const runOptions: readonly RunOption[] = (() => {
  const { properties } = z.toJSONSchema(runConfigSchema, { io: 'input' }) as {
    properties: Record<string, JsonProperty>;
  };
  return Object.entries(properties).map(([name, property]) => {
    const key = name as Key;
    const inner = property.anyOf?.find(({ type }) => type !== 'null') ?? property;
    return {
      key,
      flag: name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      kind: kindOf(inner),
      allowed: allowedIn(inner),
      nullable: property.anyOf?.some(({ type }) => type === 'null') ?? false,
      default: property.default,
      description: descriptions[key],
    };
  });
})();

function kindOf({ type, enum: values }: JsonProperty): RunOption['kind'] {
  if (values) return 'choice';
  if (type === 'boolean') return 'boolean';
  return type === 'number' || type === 'integer' ? 'number' : 'text';
}

function allowedIn(property: JsonProperty): string {
  if (property.enum) return `one of ${property.enum.join(', ')}`;
  if (property.type === 'boolean') return 'true or false';
  if (property.type === 'string') return property.minLength ? 'a text that is not empty' : 'a text';
  const { exclusiveMinimum, exclusiveMaximum } = property;
  // A JSON schema bounds every whole number by what a double holds; that is no bound of ours.
  const own = (bound?: number) => (bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER ? bound : undefined);
  const bounds = [
    exclusiveMinimum === undefined ? '' : `greater than ${exclusiveMinimum}`,
    own(property.minimum) === undefined ? '' : `at least ${property.minimum}`,
    exclusiveMaximum === undefined ? '' : `less than ${exclusiveMaximum}`,
    own(property.maximum) === undefined ? '' : `at most ${property.maximum}`,
  ].filter(Boolean);
  const noun = property.type === 'integer' ? 'a whole number ' : exclusiveMinimum === undefined && own(property.minimum) === undefined ? 'a number ' : '';
  return `${noun}${bounds.join(' and ')}`.trim();
}

/** Adds the flags of a run, and --config, to a command. */
export function withRunOptions<T>(yargs: Argv<T>, without: readonly Key[] = []): Argv<T> {
  const table: Record<string, Options> = {
    config: { type: 'string', requiresArg: true, describe: 'JSON file of these settings in camelCase; flags override it' },
  };
  for (const option of runOptions) {
    if (without.includes(option.key)) continue;
    const choices = option.kind === 'choice' ? ` (${option.allowed.replace('one of ', '').replaceAll(', ', ' | ')})` : '';
    const byDefault = option.default === null || option.default === undefined ? '' : ` [${option.default}]`;
    table[option.flag] = {
      // Numbers come as text too: the schema is the only judge of values.
      ...(option.kind === 'boolean' ? { type: 'boolean' } : { type: 'string', requiresArg: true }),
      describe: `${option.description}${choices}${byDefault}`,
    };
  }
  return yargs.options(table);
}

/**
 * The settings of a command line: defaults, then the file of --config, then flags. An empty value (`--limit ''`) sets a
 * setting back to none.
 * @throws AttsError `usage` naming the flag or key, the value, and what is allowed
 */
export function runConfigOf(args: Record<string, unknown>, forced: Partial<RunConfig> = {}): RunConfig {
  const file = typeof args.config === 'string' ? readConfigFile(args.config) : {};
  const flags: Record<string, unknown> = {};
  for (const option of runOptions) {
    const given = args[option.flag];
    if (given !== undefined) flags[option.key] = valueOf(option, given);
  }
  const settings: Record<string, unknown> = { ...file, ...flags, ...forced };
  const parsed = runConfigSchema.safeParse(settings);
  if (parsed.success) return parsed.data;
  const key = String(parsed.error.issues[0].path[0]);
  const option = runOptions.find((candidate) => candidate.key === key)!;
  const place = key in flags ? `--${option.flag}` : `${String(args.config)}: ${key}`;
  throw new AttsError('usage', `${place} must be ${option.allowed} (got ${shown(settings[key])})`);
}

function valueOf(option: RunOption, given: unknown): unknown {
  if (given === '' && option.nullable) return null;
  if (option.kind !== 'number' || typeof given !== 'string' || given.trim() === '') return given;
  const value = Number(given);
  return Number.isFinite(value) ? value : given;
}

function readConfigFile(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new AttsError('usage', `--config ${path} ${missing ? 'does not exist' : 'cannot be read'}`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AttsError('usage', `--config ${path} is not strict JSON`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AttsError('usage', `--config ${path} must hold one JSON object of settings`);
  }
  const unknown = Object.keys(value).find((key) => !runOptions.some((option) => option.key === key));
  if (unknown !== undefined) {
    const keys = runOptions.map(({ key }) => key).join(', ');
    throw new AttsError('usage', `--config ${path} has an unknown key ${unknown}; the keys are ${keys}`);
  }
  return value as Record<string, unknown>;
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : typeof value === 'string' ? value || 'an empty text' : JSON.stringify(value);
}
