import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { syncFolder, writeFileAtomic } from '../atomic-file.js';
import {
  type BankFile,
  type Calibrator,
  diagnose,
  readBankFile,
  storedBank,
  writeBankFile,
} from '../conformal/index.js';
import { AttsError } from '../errors.js';
import { writeError } from '../io-error.js';
import { type RunWork, workOf } from '../profiler/ledger.js';
import type { RunConfig } from '../runs/config.js';
import { decisionsOf } from '../runs/decisions.js';
import { JsonlWriter, strictJson } from '../runs/jsonl.js';
import { readLedger } from '../runs/ledger-file.js';
import { RunLock } from '../runs/lock.js';
import { readManifest, show, surroundingDifferences } from '../runs/manifest.js';
import { type Run, readRun } from '../runs/read.js';
import { chainKey, type Summary } from '../runs/records.js';
import type { RunManifest } from '../runs/schemas.js';
import { placeOf, shardOf } from '../runs/shard.js';
import { refuseOtherShards, shardName, unsharded } from '../runs/shard-set.js';
import { summarise } from '../runs/summary.js';
import { openGrader } from '../tasks/grader.js';
import type { Problem } from '../tasks/problem.js';
import { loadRunDataset } from './datasets.js';
import { accuracyOf, rejectionOf } from './metrics.js';

export interface MergeOptions {
  /** Where the data set lies, if not where the shards had it. */
  readonly dataset?: string;
}

/** A shard: a finished run whose configuration names its place among the others. */
interface Shard extends Run {
  readonly summary: Summary;
}

/**
 * Joins the shards of a run into one run directory that reads, reports and sums up as a run without shards: the same
 * chains where the rule is static. Times are those of shards begun together: the run takes as long as the longest, and
 * records come in the order of their times, each shard's in its own order. A rule that learns has learnt in every shard
 * by itself; its bound adds up (`boundOf`).
 * @throws AttsError `config` where the runs are not all shards, once each, of one run, naming the field that differs, where
 * one is being written, or `out` exists; `run` where one is not finished; `dataset` where the problems are not the run's.
 * Nothing is left of `out` then
 */
export async function mergeShards(
  paths: readonly string[],
  out: string,
  { dataset: spec }: MergeOptions = {},
): Promise<Summary> {
  if (existsSync(out)) throw new AttsError('config', `${out} exists; choose another --out`);
  refuseOtherShards(paths.map((path) => ({ path, manifest: readManifest(path) })));
  const locks: RunLock[] = [];
  try {
    for (const path of paths) locks.push(RunLock.take(path));
    const shards = paths
      .map((path) => finished(readRun(path)))
      .toSorted((a, b) => placeOf(shardName(a.manifest)).index - placeOf(shardName(b.manifest)).index);
    const { config, dataset: recorded } = shards[0].manifest;
    const dataset = await loadRunDataset({ ...config, dataset: spec ?? config.dataset }, 'test');
    if (dataset.hash !== recorded.hash) {
      throw new AttsError('dataset', `${dataset.name} does not hold the problems of ${paths[0]}; give their --dataset`);
    }
    for (const shard of shards) refuseIncomplete(shard, dataset.problems);
    return await writeMerged(out, shards, dataset.problems);
  } finally {
    for (const lock of locks) lock.release();
  }
}

function finished(run: Run): Shard {
  const { path, summary } = run;
  if (summary === null) throw new AttsError('run', `${path} is not finished; run its command again, then merge`);
  return { ...run, summary };
}

/** A summary says that all was done; the records must say so too. */
function refuseIncomplete({ path, chains, manifest }: Shard, problems: readonly Problem[]): void {
  const { shard, samples } = manifest.config;
  const present = new Set(chains.map(chainKey));
  for (const { id: problem } of shardOf(problems, shard)) {
    for (let sample = 0; sample < samples; sample++) {
      if (!present.delete(chainKey({ problem, sample }))) {
        throw new AttsError('run', `${path} lacks chain ${sample} of problem ${problem}; run its command again`);
      }
    }
  }
  if (present.size > 0) throw new AttsError('run', `${path} holds chains that are not of shard ${shard}`);
}

/** Writes a folder beside `out` and gives it the name when it is whole. */
async function writeMerged(out: string, shards: readonly Shard[], problems: readonly Problem[]): Promise<Summary> {
  const bank = await bankOf(shards);
  const manifest = manifestOf(shards, bank !== 'differ');
  const chains = inOrderOfTime(shards.map((shard) => shard.chains));
  const events = inOrderOfTime(shards.map((shard) => shard.events));
  const { config, dataset } = manifest;
  const summary = summarise({
    ...{ config, chains, events, dataset: dataset.name, problems: problems.length, shards: shards.length },
    wallSeconds: Math.max(...shards.map(({ summary }) => summary.time.wallSeconds)),
    accuracy: accuracyOf(problems, chains, config, await openGrader()),
    rejection: rejectionOf(diagnose(decisionsOf(events), { alpha: config.rejectionRate }), rulesOf(shards, config)),
    work: workOfAll(shards),
  });
  const folder = `${resolve(out)}.${process.pid}.tmp`;
  try {
    mkdirSync(folder, { recursive: true });
    writeLines(join(folder, 'events.jsonl'), events);
    writeLines(join(folder, 'samples.jsonl'), chains);
    if (bank && bank !== 'differ') await writeBankFile(join(folder, 'bank.json'), bank);
    writeFileAtomic(join(folder, 'run.json'), `${strictJson(manifest, 2)}\n`);
    writeFileAtomic(join(folder, 'summary.json'), `${strictJson(summary, 2)}\n`);
    renameSync(folder, out);
    syncFolder(dirname(resolve(out)));
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw cause instanceof AttsError ? cause : writeError(out, cause);
  }
  return summary;
}

function writeLines(path: string, records: readonly object[]): void {
  const writer = JsonlWriter.open(path);
  try {
    for (const record of records) writer.append(record);
    writer.sync();
  } finally {
    writer.close();
  }
}

/**
 * The records of all shards by the time at which they finished. Those of one shard stay in their order, which is that of
 * its decisions: a record counts as no earlier than those before it.
 */
function inOrderOfTime<T extends { readonly finished: number }>(shards: readonly (readonly T[])[]): T[] {
  return shards
    .flatMap((records) => {
      let latest = 0;
      return records.map((record) => {
        latest = Math.max(latest, record.finished);
        return { record, time: latest };
      });
    })
    .sort((a, b) => a.time - b.time)
    .map(({ record }) => record);
}

function manifestOf(shards: readonly Shard[], sameBank: boolean): RunManifest {
  const manifests = shards.map(({ manifest }) => manifest);
  const [first] = manifests;
  const seconds = shards.reduce((sum, { summary }) => sum + summary.time.wallSeconds, 0);
  const notes = [
    `merged from ${shards.length} shards; times as if they had begun together, ${seconds.toFixed(1)} s one after another`,
    ...(sameBank ? [] : ['every shard judged by a score bank of its own, as they were drawn with different scores']),
    ...manifests.flatMap((manifest) => {
      const others = surroundingDifferences(first, manifest).map(({ field, is }) => `${field} ${show(is)}`);
      return others.length > 0 ? [`shard ${shardName(manifest)} ran with ${others.join(', ')}`] : [];
    }),
    ...manifests.flatMap((manifest) => manifest.notes ?? []),
  ];
  const created = manifests.map((manifest) => manifest.created).toSorted()[0];
  return { ...unsharded(first), created, shards: shards.length, notes: [...new Set(notes)] };
}

/** The bank that judged all shards, with the lists of all their problems; null where they had none. */
async function bankOf(shards: readonly Shard[]): Promise<BankFile | null | 'differ'> {
  const files = shards.map(({ path }) => join(path, 'bank.json')).filter((path) => existsSync(path));
  if (files.length === 0) return null;
  const banks: BankFile[] = [];
  for (const path of files) banks.push(await readBankFile(path));
  const common = ({ questions, ...bank }: BankFile) => JSON.stringify(storedBank(bank));
  if (files.length < shards.length || banks.some((bank) => common(bank) !== common(banks[0]))) return 'differ';
  const questions = Object.assign({}, ...banks.map((bank) => bank.questions)) as BankFile['questions'];
  return { ...banks[0], ...(banks[0].questions && { questions }) };
}

/**
 * The rules of the shards as one. Where each keeps |mean(rejected) − α| ≤ b after its T decisions, all of them together
 * keep it to the mean of the b weighted by T, whatever the order in which they decide.
 */
function rulesOf(shards: readonly Shard[], { calibration }: RunConfig): Pick<Calibrator, 'name' | 'bound'> {
  const judged = shards.flatMap(({ summary: { rejection } }) => (rejection ? [rejection] : []));
  const decisions = judged.map(({ perTurn }) => perTurn.reduce((sum, turn) => sum + turn.decisions, 0));
  const total = decisions.reduce((sum, own) => sum + own, 0);
  const bounds = judged.map(({ bound }) => bound);
  return {
    name: calibration,
    bound() {
      if (!bounds.every((bound) => bound !== null)) return null;
      const value = bounds.reduce((sum, bound, i) => sum + (bound.value * decisions[i]) / total, 0);
      return { value, holds: bounds.every(({ holds }) => holds) };
    },
  };
}

/** Null unless every shard was profiled from beginning to end. Each is held against the roofs of its own machine. */
function workOfAll(shards: readonly Shard[]): RunWork | null {
  const works = shards.map(({ path }) => {
    const ledger = readLedger(path);
    return ledger && workOf(Object.values(ledger.models), ledger.roofs);
  });
  if (!works.every((work) => work !== null)) return null;
  const sum = (field: keyof RunWork) => works.reduce((total, work) => total + work[field], 0);
  return {
    ...{ flops: sum('flops'), bytes: sum('bytes') },
    ...{ computeSeconds: sum('computeSeconds'), memorySeconds: sum('memorySeconds') },
  };
}
