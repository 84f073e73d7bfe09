import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { makeFolder, syncFolder, writeFileAtomic } from '../atomic-file.js';
import { AttsError } from '../errors.js';
import { writeError } from '../io-error.js';
import { JsonlWriter, readJsonl, strictJson } from './jsonl.js';
import { RunLock } from './lock.js';
import { readManifest, refuseOtherRun, resumeNote } from './manifest.js';
import { type ChainRecord, chainKey, type ModelCallEvent, type Summary } from './records.js';
import { chainSchema, eventSchema, type RunManifest } from './schemas.js';

interface Records {
  chains: ChainRecord[];
  events: ModelCallEvent[];
}

/**
 * A run on disk: crash-safe and resumable. A finished chain is on the disk before it counts; what an interrupted
 * process left of unfinished chains is dropped when the run is opened again. Failed chains are tried again, because
 * their cause (a server that was away, a score that was missing) may be gone.
 */
export class RunDirectory {
  readonly path: string;
  /** Chains that finished in earlier processes. */
  readonly finished: readonly ChainRecord[];
  /** Their events. */
  readonly events: readonly ModelCallEvent[];
  /** Milliseconds of the run before this process: time spent on work that is dropped was spent all the same. */
  readonly elapsed: number;
  private readonly lock: RunLock;
  private readonly eventLog: JsonlWriter;
  private readonly sampleLog: JsonlWriter;

  private constructor(path: string, lock: RunLock, { chains, events }: Records, elapsed: number) {
    this.path = path;
    this.lock = lock;
    this.finished = chains;
    this.events = events;
    this.elapsed = elapsed;
    this.eventLog = JsonlWriter.open(join(path, 'events.jsonl'));
    this.sampleLog = JsonlWriter.open(join(path, 'samples.jsonl'));
    syncFolder(path);
  }

  /**
   * Makes a new run directory, or resumes the run in it.
   * @throws AttsError `config` when it holds a run of other settings (naming the first that differs), something else
   * than a run, or a run that another process is writing
   */
  static open(path: string, manifest: RunManifest): RunDirectory {
    makeFolder(path);
    // Looked at before the lock is taken, so that nothing is written into a folder that is not ours.
    refuseForeignFolder(path);
    const lock = RunLock.take(path);
    try {
      const old = existsSync(join(path, 'run.json')) ? readManifest(path) : null;
      if (old) refuseOtherRun(path, old, manifest);
      removeTemporaries(path);
      writeManifest(path, old, manifest);
      const records = readRecords(path);
      return new RunDirectory(path, lock, keepFinished(path, records), latest(records));
    } catch (cause) {
      lock.release();
      throw cause;
    }
  }

  /** @throws AttsError `io` when the disk is full or failing */
  recordEvent(event: ModelCallEvent): void {
    this.eventLog.append(event);
  }

  /** Returns when the chain, and every event before it, is on the disk. @throws AttsError `io` */
  recordChain(chain: ChainRecord): void {
    this.eventLog.sync();
    this.sampleLog.append(chain);
    this.sampleLog.sync();
  }

  writeSummary(summary: Summary): void {
    writeFileAtomic(join(this.path, 'summary.json'), `${strictJson(summary, 2)}\n`);
  }

  /** Keeps a line about the run in its manifest, once. */
  note(text: string): void {
    const manifest = readManifest(this.path);
    if (manifest.notes?.includes(text)) return;
    const noted = { ...manifest, notes: [...(manifest.notes ?? []), text] };
    writeFileAtomic(join(this.path, 'run.json'), `${strictJson(noted, 2)}\n`);
  }

  close(): void {
    this.eventLog.close();
    this.sampleLog.close();
    this.lock.release();
  }
}

/** What has been written so far, whole lines only. */
export function readRecords(path: string): Records {
  const read = <T>(name: string, schema: z.ZodType<T>): T[] => {
    const file = join(path, name);
    // A device in the place of a file (a full disk in a test) has no end to read to.
    return statSync(file, { throwIfNoEntry: false })?.isFile() ? readJsonl(file, schema) : [];
  };
  return { chains: read('samples.jsonl', chainSchema), events: read('events.jsonl', eventSchema) };
}

function refuseForeignFolder(path: string): void {
  const names = readFolder(path);
  if (names.includes('run.json')) return;
  // A process killed before its manifest was in place leaves its lock and a temporary file.
  const foreign = names.find((name) => name !== 'lock' && !name.endsWith('.tmp'));
  if (foreign) {
    throw new AttsError('config', `${path} is not a run directory (it holds ${foreign}); choose another --out`);
  }
}

/** What a process left that was killed between writing a file and renaming it. Locks are the lock's own affair. */
function removeTemporaries(path: string): void {
  for (const name of readFolder(path)) {
    if (/^(?!lock\.).*\.\d+\.tmp$/.test(name)) rmSync(join(path, name), { force: true });
  }
}

function readFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (cause) {
    throw writeError(path, cause);
  }
}

function writeManifest(path: string, old: RunManifest | null, now: RunManifest): void {
  const note = old && resumeNote(old, now);
  if (old && !note) return;
  const manifest = old ? { ...old, notes: [...(old.notes ?? []), `${now.created} ${note}`] } : now;
  writeFileAtomic(join(path, 'run.json'), `${strictJson(manifest, 2)}\n`);
}

/** Drops what does not belong to a finished chain, from the files too. */
function keepFinished(path: string, { chains, events }: Records): Records {
  const done = chains.filter(({ status }) => status === 'finished');
  const keys = new Set(done.map(chainKey));
  const kept = events.filter((event) => keys.has(chainKey(event)));
  if (done.length < chains.length) {
    // The summary counted the chains that are now tried again.
    rmSync(join(path, 'summary.json'), { force: true });
    writeFileAtomic(join(path, 'samples.jsonl'), lines(done));
  }
  if (kept.length < events.length) writeFileAtomic(join(path, 'events.jsonl'), lines(kept));
  return { chains: done, events: kept };
}

/** Milliseconds at which the last chain or call on record finished. */
function latest({ chains, events }: Records): number {
  let time = 0;
  for (const { finished } of chains) time = Math.max(time, finished);
  for (const { finished } of events) time = Math.max(time, finished);
  return time;
}

function lines(records: readonly object[]): string {
  return records.map((record) => `${strictJson(record)}\n`).join('');
}
