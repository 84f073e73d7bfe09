import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { AttsError } from '../errors.js';
import { writeFileAtomic } from './atomic.js';
import { JsonlWriter, readJsonl, strictJson, writeError } from './jsonl.js';
import type { ChainRecord, ModelCallEvent, Summary } from './records.js';
import { chainSchema, eventSchema, manifestSchema, type RunManifest } from './schemas.js';

/**
 * A run on disk: crash-safe and resumable. A finished chain is on the disk before it counts; what an interrupted
 * process left of unfinished chains is dropped when the run is opened again. Failed chains are tried again.
 */
export class RunDirectory {
  readonly path: string;
  /** Chains that finished in earlier processes. */
  readonly finished: readonly ChainRecord[];
  /** Their events. */
  readonly events: readonly ModelCallEvent[];
  /** Milliseconds of the run before this process. */
  readonly elapsed: number;
  private readonly eventLog: JsonlWriter;
  private readonly sampleLog: JsonlWriter;

  private constructor(path: string, chains: ChainRecord[], events: ModelCallEvent[]) {
    this.path = path;
    this.finished = chains;
    this.events = events;
    this.elapsed = Math.max(0, ...chains.map(({ finished }) => finished));
    this.eventLog = new JsonlWriter(join(path, 'events.jsonl'));
    this.sampleLog = new JsonlWriter(join(path, 'samples.jsonl'));
  }

  /**
   * Makes a new run directory, or resumes the run in it.
   * @throws AttsError `config` when it holds a run of other settings (naming the first that differs), something else
   * than a run, or a run that another process is writing
   */
  static open(path: string, manifest: RunManifest): RunDirectory {
    try {
      mkdirSync(path, { recursive: true });
    } catch (cause) {
      throw writeError(path, cause);
    }
    const manifestPath = join(path, 'run.json');
    if (!existsSync(manifestPath)) {
      // A process killed before its manifest was in place leaves its lock and a temporary file.
      const foreign = readdirSync(path).filter((name) => name !== 'lock' && !name.endsWith('.tmp'));
      if (foreign.length > 0) {
        throw new AttsError('config', `${path} is not a run directory (it holds ${foreign[0]}); choose another --out`);
      }
      takeLock(path);
      writeFileAtomic(manifestPath, strictJson(manifest, 2));
      return new RunDirectory(path, [], []);
    }
    refuseOtherRun(path, readManifest(path), manifest);
    takeLock(path);
    const { chains, events } = readRecords(path);
    const done = chains.filter(({ status }) => status === 'finished');
    const keys = new Set(done.map(chainKey));
    const kept = events.filter((event) => keys.has(chainKey(event)));
    writeFileAtomic(join(path, 'samples.jsonl'), lines(done));
    writeFileAtomic(join(path, 'events.jsonl'), lines(kept));
    return new RunDirectory(path, done, kept);
  }

  recordEvent(event: ModelCallEvent): void {
    this.eventLog.append(event);
  }

  /** Returns when the chain, and every event before it, is on the disk. */
  recordChain(chain: ChainRecord): void {
    this.eventLog.sync();
    this.sampleLog.append(chain);
    this.sampleLog.sync();
  }

  writeSummary(summary: Summary): void {
    writeFileAtomic(join(this.path, 'summary.json'), `${strictJson(summary, 2)}\n`);
  }

  close(): void {
    this.eventLog.close();
    this.sampleLog.close();
    rmSync(join(this.path, 'lock'), { force: true });
  }
}

export function chainKey({ problem, sample }: { problem: string; sample: number }): string {
  return JSON.stringify([problem, sample]);
}

export function readManifest(path: string): RunManifest {
  const file = join(path, 'run.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new AttsError('config', `${path} is not a run directory: it has no run.json`);
  }
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AttsError('config', `${file} is not a manifest this version can read; choose another --out`, { cause });
  }
}

export function readRecords(path: string): { chains: ChainRecord[]; events: ModelCallEvent[] } {
  const read = <T>(name: string, schema: z.ZodType<T>) =>
    existsSync(join(path, name)) ? readJsonl(join(path, name), schema) : [];
  return { chains: read('samples.jsonl', chainSchema), events: read('events.jsonl', eventSchema) };
}

function lines(records: readonly object[]): string {
  return records.map((record) => `${strictJson(record)}\n`).join('');
}

/** What decides the result must be equal; where and by which release it was made may differ. */
function refuseOtherRun(path: string, old: RunManifest, now: RunManifest): void {
  const decisive = (manifest: RunManifest): Record<string, unknown> => ({
    ...manifest.config,
    'draft checkpoint': manifest.draft?.hash ?? null,
    'target checkpoint': manifest.target?.hash ?? null,
    'dataset contents': manifest.dataset.hash,
    'kernel build': manifest.kernelBuild,
  });
  const [before, after] = [decisive(old), decisive(now)];
  for (const field of Object.keys(after)) {
    const [was, is] = [JSON.stringify(before[field]), JSON.stringify(after[field])];
    if (was !== is) {
      throw new AttsError(
        'config',
        `${path} holds a run with ${field} ${was}, not ${is}; choose another --out or restore it`,
      );
    }
  }
}

/** One writer a run. The lock of a process that is gone is taken over. */
function takeLock(path: string): void {
  const lock = join(path, 'lock');
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw writeError(lock, cause);
    }
    const holder = Number(readFileSync(lock, 'utf8'));
    if (holder !== process.pid && isAlive(holder)) {
      throw new AttsError(
        'config',
        `${path} is being written by process ${holder}; wait for it or choose another --out`,
      );
    }
    rmSync(lock, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
