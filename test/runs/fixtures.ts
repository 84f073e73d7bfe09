import fs, { mkdtempSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AttsError } from '../../src/errors.js';
import { type ChainRecord, type ModelCallEvent, type RunManifest, runConfigSchema } from '../../src/runs/index.js';

export function event(over: Partial<ModelCallEvent> = {}): ModelCallEvent {
  return {
    ...{ problem: 'p0', sample: 0, turn: 0, kind: 'draft', queued: 0, started: 1, finished: 2 },
    ...{ promptTokens: 10, cachedTokens: 4, tokens: 8, score: null, p: null, alpha: null, rejected: null, barrier: 0 },
    ...over,
  };
}

export function chain(over: Partial<ChainRecord> = {}): ChainRecord {
  return {
    ...{ problem: 'p0', sample: 0, answer: '7', correct: true, turns: 1, status: 'finished', error: null, barrier: 0 },
    chunks: [{ author: 'draft', text: '7 é 𝟕', tokens: 2, rejected: false, ids: [1, 2], score: 0.5, turn: 0 }],
    ...{ started: 0, finished: 10 },
    ...over,
  };
}

export function manifest(over: Partial<RunManifest> = {}): RunManifest {
  return {
    schema: 'atts.run/1',
    config: runConfigSchema.parse({}),
    draft: { id: 'd', hash: 'd0', fingerprint: 't' },
    target: { id: 't', hash: 't0', fingerprint: 't' },
    dataset: { name: 'abacus', hash: 'abc', problems: 2 },
    kernelBuild: 'cpu',
    versions: { atts: '0.1.0', node: '20.0.0', tfjs: '4.22.0' },
    machine: { platform: 'linux', arch: 'x64', cpu: 'some', cores: 2, memoryGiB: 8 },
    created: '2026-01-01T00:00:00.000Z',
    ...over,
  };
}

/** A new empty folder for every test of the suite that calls this, removed after it. */
export function temporaryFolder(): () => string {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'atts-runs-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  return () => folder;
}

/** The AttsError that `action` throws; anything else is thrown on, and so is silence. */
export function refusal(action: () => unknown): AttsError {
  try {
    action();
  } catch (cause) {
    if (cause instanceof AttsError) return cause;
    throw cause;
  }
  throw new Error('nothing was refused');
}

type Replaceable = 'writeSync' | 'fsyncSync';

/** Runs `action`, to its end if it is asynchronous, with functions of node:fs replaced: failures no real disk gives. */
export function withFs<T>(replaced: Partial<Pick<typeof fs, Replaceable>>, action: () => T): T {
  const original = { writeSync: fs.writeSync, fsyncSync: fs.fsyncSync };
  const put = (functions: typeof replaced) => {
    Object.assign(fs, functions);
    syncBuiltinESMExports();
  };
  put(replaced);
  let result: T;
  try {
    result = action();
  } catch (cause) {
    put(original);
    throw cause;
  }
  if (result instanceof Promise) return result.finally(() => put(original)) as T;
  put(original);
  return result;
}
