/**
 * Models on a real vLLM beside the same models here: scores, accuracy, and a server that dies in the middle of a run.
 *
 * make vllm    (node dist/experiments/peers/vllm.js VENV [FILE.gguf FOLDER]: FOLDER holds the file's weights in float32)
 *
 * Fails where a score differs by more than 1e-2 nats, accuracies differ by more than chance, or a chain is lost, doubled
 * or failed. Writes runs/vllm.
 */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
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
import { VllmServer } from './vllm-server.js';

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
async function runThroughCrash(config: RunConfig, bank: string, server: VllmServer): Promise<Summary> {
  const path = join(out, 'killed');
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
  const unbroken = tokensOf(join(out, 'remote'));
  const same = [...tokensOf(path)].filter(([chain, ids]) => unbroken.get(chain) === ids).length;
  console.log(`${same} of ${chains} chains are those of the run that nothing broke, token for token`);
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

const [venv, gguf, folder] = process.argv.slice(2);
if (!venv) throw new Error('usage: vllm.js VENV [FILE.gguf FOLDER]');
rmSync(out, { recursive: true, force: true });
const [draft, target] = ['abacus-llama-0.4m', 'abacus-qwen3-2m'];
const servers: VllmServer[] = [];
const serve = async (model: string, core: number): Promise<VllmServer> => {
  const server = new VllmServer({ venv, folder: model, port: 8123 + servers.length, core });
  servers.push(server);
  await server.up();
  return server;
};
// Servers end with this process, however it ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const scores: string[][] = [['model', 'tokens scored', 'mean |Δ| nats', 'largest', 'largest of a chunk’s mean']];
const runs: string[][] = [['run', 'accuracy [95 %]', 'rejected %', 'finished', 'failed', 'wall s', 'tokens/s']];
const differences: Differences[] = [];
try {
  const begun = performance.now();
  const [draftServer, targetServer] = await Promise.all(
    [draft, target].map((name, core) => serve(join('models/abacus', name), core)),
  );
  console.log(`two servers started in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
  const { problems } = await loadDataset('abacus', { limit: 32 });
  for (const [name, server] of [[draft, draftServer] as const, [target, targetServer] as const]) {
    differences.push(await compareScores(name, server.spec, problems));
    scores.push(scoreRow(name, differences.at(-1) as Differences));
  }
  const config = runConfigSchema.parse({
    ...{ policy: 'replace', calibration: 'marginal', limit: 20, samples: 4, turns: 12, concurrency: 32 },
    ...{ calibrationProblems: 12, calibrationSamples: 2, threads: 1 },
  });
  const remote = { ...config, draft: draftServer.spec, target: targetServer.spec };
  const { summary: here } = await runMethod(config, 'here', join(out, 'here'));
  const { summary: there } = await runMethod(remote, 'vLLM', join(out, 'remote'));
  requireAgreement(join(out, 'here'), join(out, 'remote'));
  const crashed = await runThroughCrash(remote, join(out, 'remote', 'bank.json'), targetServer);
  requireAgreement(join(out, 'here'), join(out, 'killed'));
  runs.push(runRow('both models here', here), runRow('both on vLLM', there));
  runs.push(runRow('the same, its target’s server killed and started again', crashed));
  for (const server of servers) server.kill();
  if (gguf && folder) {
    const server = await serve(folder, 0);
    const real = await loadDataset('abacus', { limit: 8 });
    for (const spec of [folder, gguf]) {
      differences.push(await compareScores(spec, server.spec, real.problems));
      scores.push(scoreRow(spec, differences.at(-1) as Differences));
    }
    const small = runConfigSchema.parse({
      ...{ draft: gguf, target: gguf, policy: 'continue', calibration: 'marginal', limit: 2, samples: 2, turns: 3 },
      ...{ calibrationProblems: 4, calibrationSamples: 1, threads: 1 },
    });
    const { summary: own } = await runMethod(small, 'real, here', join(out, 'real-here'));
    const { summary } = await runMethod({ ...small, target: server.spec }, 'real, vLLM', join(out, 'real-remote'));
    if (summary.chains.failed > 0) throw new Error(`${summary.chains.failed} chains failed`);
    runs.push(runRow('real draft and target here', own), runRow('real draft here, real target on vLLM', summary));
  }
} finally {
  for (const server of servers) server.kill();
}
console.log(`\n${markdownTable(scores)}\n\n${markdownTable(runs)}`);
const worst = Math.max(...differences.map(({ largest }) => largest));
if (worst > largestDifference) throw new Error(`a log-probability differs by ${worst} nats`);
