import { readFileSync } from 'node:fs';
import type { Options } from 'yargs';
import { z } from 'zod';
import { AttsError, availableDatasets, type RunConfig, runConfigSchema } from '../index.js';
import { jsonFlag } from './json-flag.js';

type Field = keyof RunConfig;

/** What a flag says of itself, by field of the run configuration; everything else comes from the schema. */
const descriptions: Record<Field, string> = {
  method: 'The method, or one model alone',
  draft: 'Draft model: embedded name, folder, org/name[@revision][:file.gguf] of the hub, or vllm://host:port',
  target: 'Target model, likewise',
  dataset: `Problems: ${availableDatasets}`,
  limit: 'First so many problems',
  shard: 'Run the i-th of n parts of the problems: i/n (atts merge joins them)',
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
  calibrationProblems: 'Calibration problems; set aside where the dataset has no split for them',
  calibrationSamples: 'Calibration chunks a problem',
  bank: 'Saved score bank (atts calibrate)',
  bankWeights: 'What counts once in the bank: a score, or a problem',
  gamma: "Step size of the rules that learn (default: the rule's own)",
  growBank: "The rules that learn: the bank takes in the run's own scores",
  schedule: 'With or without barriers',
  policy: 'What becomes of a rejected chunk',
  chunk: 'Where a chunk ends',
  cue: 'Text between a rejected chunk and its continuation',
  verifyAnswers: "Score chunks that hold an answer (default: the policy's own)",
  prompt: 'Wording: chat template, the same as the paper asks, plain text, or file:PATH with {problem} in it',
  concurrency: 'Chains in flight',
  seed: 'Seed of all random numbers',
  backend: 'tfjs backend',
  dtype: 'Weights of both models',
  cacheDtype: 'Keys and values in the KV cache: bf16 halves their memory',
  threads: 'Threads of the simd backend',
  placement: 'Both models on one device, or on a thread each',
  profile: 'Count FLOPs and bytes of every pass',
  memory: 'Cap on what each model takes beside its weights, MiB: its KV cache, and 256 (at most half) for the rest',
};

/** The part of JSON Schema that the run configuration uses. */
interface JsonField {
  type?: string;
  description?: string;
  enum?: string[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  default?: unknown;
  anyOf?: JsonField[];
}

const schema = z.toJSONSchema(runConfigSchema, { io: 'input' }) as { properties: Record<Field, JsonField> };
const isNullable = (field: Field) => schema.properties[field].anyOf?.some(({ type }) => type === 'null') ?? false;
const valueSchema = (field: Field): JsonField =>
  schema.properties[field].anyOf?.find(({ type }) => type !== 'null') ?? schema.properties[field];
const isNumeric = (field: Field) => ['number', 'integer'].includes(valueSchema(field).type ?? '');

/** Besides its named values, a file. */
const takesFile = (field: Field) =>
  schema.properties[field].anyOf?.some(({ pattern }) => pattern?.startsWith('^file:')) ?? false;

const kebab = (field: string) => field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** In words, what a setting may be: `a whole number greater than 0`. */
function allowedValues(field: Field): string {
  const { type, description, enum: choices, exclusiveMinimum, exclusiveMaximum, ...inclusive } = valueSchema(field);
  if (choices) return `one of ${choices.join(', ')}${takesFile(field) ? ' or file:PATH' : ''}`;
  if (description) return description;
  if (type === 'boolean') return 'true or false';
  if (type === 'string') return 'a text that is not empty';
  // JSON Schema bounds every whole number by what a double holds; that is no bound of ours.
  const own = (bound?: number) => bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
  const bounds = [
    exclusiveMinimum !== undefined && `greater than ${exclusiveMinimum}`,
    own(inclusive.minimum) && `at least ${inclusive.minimum}`,
    exclusiveMaximum !== undefined && `less than ${exclusiveMaximum}`,
    own(inclusive.maximum) && `at most ${inclusive.maximum}`,
  ].filter(Boolean);
  return `${type === 'integer' ? 'a whole number ' : ''}${bounds.join(' and ')}`;
}

/** The flags of everything that runs the method, one a field of the configuration. */
export function runFlags(leaveOut: readonly Field[] = []): Record<string, Options> {
  const flags: Record<string, Options> = {
    config: { type: 'string', requiresArg: true, describe: 'JSON file of settings; flags go over it' },
    json: jsonFlag,
  };
  for (const [name, describe] of Object.entries(descriptions) as [Field, string][]) {
    if (leaveOut.includes(name)) continue;
    const fallback = schema.properties[name].default ?? null;
    const choices = valueSchema(name).enum;
    // Values stay strings here, so that the schema judges what was really given.
    flags[kebab(name)] = {
      ...(valueSchema(name).type === 'boolean' ? { type: 'boolean' } : { type: 'string', requiresArg: true }),
      describe: `${describe}${choices ? `: ${choices.join(' | ')}` : ''}${fallback === null ? '' : ` [${fallback}]`}`,
    };
  }
  return flags;
}

/**
 * The configuration that flags and `--config` make. An empty value (`--limit ''`) is none, where a setting may be none.
 * @throws AttsError `usage` naming flag, value and what is allowed
 */
export function readRunConfig(argv: Record<string, unknown>, fixed: Partial<RunConfig> = {}): RunConfig {
  const given: Record<string, unknown> = typeof argv.config === 'string' ? readConfigFile(argv.config) : {};
  const fromFile = new Set(Object.keys(given));
  for (const field of Object.keys(descriptions) as Field[]) {
    const value = argv[kebab(field)];
    if (value === undefined) continue;
    if (Array.isArray(value)) throw new AttsError('usage', `--${kebab(field)} is given more than once`);
    given[field] = settingOf(field, value);
    fromFile.delete(field);
  }
  const parsed = runConfigSchema.safeParse({ ...given, ...fixed });
  if (parsed.success) return parsed.data;
  const field = String(parsed.error.issues[0].path[0]) as Field;
  const where = fromFile.has(field) ? `--config ${argv.config}: ${field}` : `--${kebab(field)}`;
  throw new AttsError('usage', `${where} must be ${allowedValues(field)} (got ${String(given[field]) || 'nothing'})`);
}

function settingOf(field: Field, value: unknown): unknown {
  if (value === '' && isNullable(field)) return null;
  // What is no number stays as it was written, for the schema to refuse and the message to show.
  const number = isNumeric(field) && String(value).trim() !== '' ? Number(value) : Number.NaN;
  return Number.isNaN(number) ? value : number;
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
  const unknown = Object.keys(value).find((key) => !(key in descriptions));
  if (unknown !== undefined) {
    const known = Object.keys(descriptions).join(', ');
    throw new AttsError('usage', `--config ${path}: unknown setting ${unknown}; the settings are ${known}`);
  }
  return value as Record<string, unknown>;
}
