/**
 * Log-probabilities of real GGUF checkpoints against an independent float32 implementation: a table, and exit code 1 where
 * one is too far off. Usage: goldens.js --models DIR --goldens DIR (see the Makefile)
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openCheckpoint } from '../../models/checkpoint/open.js';
import { inspectCheckpoint, totalBytes } from '../../models/inspect.js';
import { table } from '../../src/cli/format.js';
import type { FullCache } from './full-cache.js';
import type { GoldenOutcome } from './golden-model.js';

/** Nats a token, nats, and the perplexity's share. */
const bounds = { mean: 1e-3, max: 2e-2, perplexity: 1e-3 };

const cases = [
  { golden: 'smollm2', file: 'SmolLM2-135M-Instruct.Q4_1.gguf' },
  { golden: 'gemma3', file: 'gemma-3-270m.Q4_K_M.gguf' },
  { golden: 'qwen-0.5b', file: 'Qwen2.5-Coder-0.5B-Instruct.Q4.gguf' },
  { golden: 'qwen-1.5b', file: 'Qwen2.5-Coder-1.5B-Instruct.Q4_K_M.gguf' },
];

const dtypes = ['f32', 'auto'] as const;

/** MiB beside the weights for the engine whose cache is filled: the default. Peak memory must stay within it. */
const memory = 512;
/** What the peak may be of the weights' size in the file. */
const weightsBound = 1.15;

const { values } = parseArgs({ options: { models: { type: 'string' }, goldens: { type: 'string' } } });
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);

const rows = [['model', 'dtype', 'tokens', 'mean', 'max', 'perplexity', 'load s', 'file MB', 'kept MB', 'peak RSS MB']];
const full = [['model', 'tokens in the cache', 'peak RSS MB', 'bound MB']];
let isWithin = true;
for (const { golden, file } of cases) {
  const model = join(values.models ?? '', file);
  const expected = join(values.goldens ?? '', `${golden}.json`);
  for (const path of [model, expected]) {
    if (existsSync(path)) continue;
    process.stderr.write(`goldens: ${path} does not exist; give MODELS=folder of .gguf files and GOLDENS=folder\n`);
    process.exit(1);
  }
  for (const dtype of dtypes) {
    const checkpoint = openCheckpoint(model);
    const report = inspectCheckpoint(checkpoint, dtype);
    checkpoint.close();
    const sizes = [megabytes(totalBytes(report.stored)), megabytes(totalBytes(report.kept))];
    const { tokens, mean, max, perplexityRatio, loadSeconds, peakMB } = ask<GoldenOutcome>('golden-model', [
      ...[model, expected, dtype],
    ]);
    isWithin &&= mean <= bounds.mean && max <= bounds.max && Math.abs(perplexityRatio - 1) <= bounds.perplexity;
    const numbers = [mean.toExponential(1), max.toExponential(1), perplexityRatio.toFixed(5), loadSeconds.toFixed(1)];
    rows.push([golden, dtype, String(tokens), ...numbers, ...sizes, peakMB.toFixed(0)]);
    if (dtype !== 'auto') continue;
    const { tokens: cached, peakMB: fullMB } = ask<FullCache>('full-cache', [model, String(memory)]);
    const bound = (weightsBound * totalBytes(report.stored) + memory * 2 ** 20) / 1e6;
    isWithin &&= fullMB <= bound;
    full.push([golden, String(cached), fullMB.toFixed(0), bound.toFixed(0)]);
  }
}
process.stdout.write(`${table(rows)}\n\nwith a full KV cache, --memory ${memory}:\n${table(full)}\n`);
if (!isWithin)
  process.stderr.write(
    'goldens: a mean over 1e-3, a difference over 2e-2, 0.1 % of perplexity, or memory over its bound\n',
  );
process.exit(isWithin ? 0 : 1);

/** What a process of its own found out, so that its peak memory is its own. */
function ask<T>(script: string, args: readonly string[]): T {
  const path = fileURLToPath(new URL(`./${script}.js`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], { encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout) as T;
  process.stderr.write(`goldens: ${args.join(' ')}: ${stderr.trim()}\n`);
  process.exit(1);
}
