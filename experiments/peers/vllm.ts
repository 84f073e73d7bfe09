/**
 * Models on a real vLLM beside the same models here: scores, accuracy, and a server that dies in the middle of a run.
 *
 * make vllm    (node dist/experiments/peers/vllm.js VENV [MODELS FOLDERS DRAFT TARGET]: where the .gguf files of a real
 * pair are, where their weights in float32, and its names)
 *
 * Fails where a score differs by more than 1e-2 nats, accuracies differ by more than chance, or a chain is lost, doubled
 * or failed. Writes runs/vllm.
 */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { groupBy } from '../../src/group-by.js';
import {
  clusteredBootstrap,
  loadDataset,
  openEngine,
  openPrompt,
  openText,
  type Problem,
  type RunConfig,
  readRun,
  runConfigSchema,
  type Summary,
} from '../../src/index.js';
import { runMethod } from '../run-method.js';
import { accuracyText, markdownTable } from '../table.js';
import { freePort, VllmServer } from './vllm-server.js';

const largestDifference = 1e-2;
const out = 'runs/vllm';

interface Differences {
  readonly tokens: number;
  /** Nats. */
  readonly mean: number;
  readonly largest: number;
  readonly largestOfChunk: number;
}

/** Chunks that the first model wrote, scored by both. */
async function compareScores(local: string, remote: string, problems: readonly Problem[]): Promise<Differences> {
  const engines = await Promise.all([local, remote].map((spec) => openEngine(spec, { threads: 1 })));
  const [writer] = engines;
  const ask = openPrompt('chat');
  const differences: number[] = [];
  let largestOfChunk = 0;
  await Promise.all(
    problems.map(async (problem) => {
      const asked = ask(problem);
      const prefix = typeof asked === 'string' ? openText(writer.tokenizer, asked) : writer.tokenizer.chat(asked);
      const key = { seed: 0, problem: problem.id, sample: 0, role: 'vllm' };
      const chunk = await writer.generate({ prefix, maxTokens: 32, temperature: 1, key });
      const [here, there] = await Promise.all(engines.map((engine) => engine.score({ prefix, chunk })));
      const own = here.logProbs.map((logProb, i) => there.logProbs[i] - logProb);
      differences.push(...own.map(Math.abs));
      const ofChunk = Math.abs(own.reduce((sum, difference) => sum + difference, 0) / own.length);
      largestOfChunk = Math.max(largestOfChunk, ofChunk);
    }),
  );
  await Promise.all(engines.map((engine) => engine.close()));
  const mean = differences.reduce((sum, difference) => sum + difference, 0) / differences.length;
  return { tokens: differences.length, mean, largest: Math.max(...differences), largestOfChunk };
}

function scoreRow(name: string, { tokens, mean, largest, largestOfChunk }: Differences): string[] {
  return [name, String(tokens), mean.toExponential(1), largest.toExponential(1), largestOfChunk.toExponential(1)];
}

function runRow(name: string, summary: Summary): string[] {
  const { rejection, chains, time, throughput } = summary;
  return [
    ...[name, accuracyText(summary), rejection ? (100 * rejection.overall).toFixed(1) : '–', String(chains.finished)],
    ...[String(chains.failed), time.wallSeconds.toFixed(1), throughput.tokensPerSecond.toFixed(0)],
  ];
}

/** Finished chains on the disk. */
function finishedAt(path: string): number {
  const file = join(path, 'samples.jsonl');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
}

/** Runs the command line, kills the server in the middle, and brings it back when the run says that it waits. */
async function runThroughCrash(config: RunConfig, bank: string, path: string, server: VllmServer): Promise<Summary> {
  const settings = ['draft', 'target', 'limit', 'samples', 'turns', 'policy', 'calibration', 'concurrency'] as const;
  const flags = settings.flatMap((name) => [`--${name}`, String(config[name])]);
  const child = spawn(process.execPath, ['dist/src/cli/main.js', 'run', ...flags, '--bank', bank, '--out', path], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let told = '';
  child.stderr.on('data', (data: Buffer) => {
    told += data;
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const until = async (what: string, holds: () => boolean) => {
    while (!holds()) {
      if (child.exitCode !== null) throw new Error(`the run ended before ${what}: ${told}`);
      await sleep(50);
    }
  };
  const chains = (config.limit ?? 0) * config.samples;
  await until('a third of its chains', () => finishedAt(path) >= chains / 3);
  server.kill();
  await until('it missed the server', () => told.includes('calls wait until one does'));
  const before = finishedAt(path);
  await sleep(5000);
  console.log(`server killed at ${before} of ${chains} chains; 5 s later ${finishedAt(path)}, and the run waits`);
  await server.up();
  if ((await ended) !== 0) throw new Error(`the run failed: ${told}`);
  for (const line of told.split('\n')) if (line.includes('answer')) console.log(line);
  const run = readRun(path);
  const distinct = new Set(run.chains.map(({ problem, sample }) => `${problem} ${sample}`));
  if (run.chains.length !== chains || distinct.size !== chains) throw new Error('a chain was lost or doubled');
  return run.summary as Summary;
}

function tokensOf(path: string): Map<string, string> {
  const text = (chunks: readonly { readonly ids: readonly number[] }[]) => JSON.stringify(chunks.map(({ ids }) => ids));
  return new Map(readRun(path).chains.map(({ problem, sample, chunks }) => [`${problem} ${sample}`, text(chunks)]));
}

/** @throws Error where a chain failed, or the accuracies differ by more than chance gives: 95 %, by problems, paired */
function requireAgreement(here: string, there: string): void {
  const failed = readRun(there).chains.filter(({ status }) => status === 'failed').length;
  if (failed > 0) throw new Error(`${failed} chains of ${there} failed`);
  const shares = [here, there].map((path) => {
    const chains = groupBy(readRun(path).chains, ({ problem }) => problem);
    return new Map(
      [...chains].map(([problem, own]) => [problem, own.filter(({ correct }) => correct).length / own.length]),
    );
  });
  const differences = [...shares[0]].map(([problem, share]) => (shares[1].get(problem) ?? 0) - share);
  const [lower, upper] = clusteredBootstrap(differences, { seed: 0 });
  const text = [lower, upper].map((bound) => (100 * bound).toFixed(1)).join(' to ');
  console.log(`accuracy of ${there} less that of ${here}: ${text} points (95 %)`);
  if (lower > 0 || upper < 0) throw new Error('they differ');
}

/** One line: whose chains are, token for token, those of the other run. */
function sameChains(here: string, there: string): string {
  const own = tokensOf(here);
  const others = [...tokensOf(there)];
  const same = others.filter(([chain, ids]) => own.get(chain) === ids).length;
  return `${same} of ${others.length} chains of ${there} are those of ${here}, token for token`;
}

const [venv, models, folders, ...realPair] = process.argv.slice(2);
if (!venv) throw new Error('usage: vllm.js VENV [MODELS FOLDERS DRAFT TARGET]');
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const servers: VllmServer[] = [];
/** Draft and target on servers of one core each. */
async function servePair(paths: readonly string[]): Promise<VllmServer[]> {
  const begun = performance.now();
  const ports = await Promise.all(paths.map(freePort));
  const pair = paths.map((folder, core) => new VllmServer({ venv, folder, core, port: ports[core], logs: out }));
  servers.push(...pair);
  await Promise.all(pair.map((server) => server.up()));
  console.log(`two servers started in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
  return pair;
}
// Servers end with this process, however it ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const scores: string[][] = [['model', 'tokens scored', 'mean |Δ| nats', 'largest', 'largest of a chunk’s mean']];
const runs: string[][] = [['run', 'accuracy [95 %]', 'rejected %', 'finished', 'failed', 'wall s', 'tokens/s']];
const differences: Differences[] = [];
async function compare(local: string, server: VllmServer, problems: readonly Problem[]): Promise<void> {
  const found = await compareScores(local, server.spec, problems);
  differences.push(found);
  scores.push(scoreRow(local, found));
}

/** The embedded pair: both remote, and again with the target's server killed in the middle. */
async function embedded(): Promise<void> {
  const pair = ['abacus-llama-0.4m', 'abacus-qwen3-2m'];
  const [draft, target] = await servePair(pair.map((name) => join('models/abacus', name)));
  const { problems } = await loadDataset('abacus', { limit: 32 });
  await compare(pair[0], draft, problems);
  await compare(pair[1], target, problems);
  const config = runConfigSchema.parse({
    ...{ policy: 'replace', calibration: 'marginal', limit: 20, samples: 4, turns: 12, concurrency: 32 },
    ...{ calibrationProblems: 12, calibrationSamples: 2, threads: 1 },
  });
  const remote = { ...config, draft: draft.spec, target: target.spec };
  const [here, there, killed] = ['here', 'remote', 'killed'].map((name) => join(out, name));
  runs.push(runRow('both models here', (await runMethod(config, 'here', here)).summary));
  runs.push(runRow('both on vLLM', (await runMethod(remote, 'vLLM', there)).summary));
  requireAgreement(here, there);
  const crashed = await runThroughCrash(remote, join(there, 'bank.json'), killed, target);
  runs.push(runRow('the same, its target’s server killed and started again', crashed));
  console.log(sameChains(there, killed));
  requireAgreement(here, killed);
}

/** A real pair of two tokenizers, greedy and with one bank, so that both runs should be of the same tokens. */
async function real(pair: readonly string[]): Promise<void> {
  const paths = pair.map((name) => join(folders, name));
  const [draft, target] = await servePair(paths);
  const { problems } = await loadDataset('abacus', { limit: 8 });
  for (const [i, server] of [draft, target].entries()) {
    for (const local of [paths[i], join(models, `${pair[i]}.gguf`)]) await compare(local, server, problems);
  }
  const config = runConfigSchema.parse({
    ...{ draft: paths[0], target: paths[1], policy: 'replace', calibration: 'marginal', rejectionRate: 0.8 },
    ...{ limit: 10, samples: 1, turns: 4, draftTokens: 48, targetTokens: 48, temperature: 0 },
    ...{ calibrationProblems: 8, calibrationSamples: 1 },
  });
  const [here, there] = ['real-here', 'real-remote'].map((name) => join(out, name));
  runs.push(runRow('a real pair here, float32', (await runMethod(config, 'real, here', here)).summary));
  const remote = { ...config, draft: draft.spec, target: target.spec, bank: join(here, 'bank.json') };
  runs.push(runRow('both on vLLM', (await runMethod(remote, 'real, vLLM', there)).summary));
  console.log(sameChains(here, there));
  requireAgreement(here, there);
}

const end = () => {
  for (const server of servers.splice(0)) server.kill();
};
try {
  await embedded();
  end();
  if (realPair.length === 2) await real(realPair);
} finally {
  end();
}
console.log(`\n${markdownTable(scores)}\n\n${markdownTable(runs)}`);
const worst = Math.max(...differences.map(({ largest }) => largest));
if (worst > largestDifference) throw new Error(`a log-probability differs by ${worst} nats`);
