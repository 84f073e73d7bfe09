/** The child's side of a peer: a process of its own, so that neither side's threads disturb the other's. */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** y[rows, N] = x[rows, K] · W[K, N], float32. */
export interface LinearJob {
  readonly kind: 'linear';
  readonly rows: number;
  readonly N: number;
  readonly K: number;
}

/** A whole model in a GGUF file. */
export interface ModelJob {
  readonly kind: 'prefill' | 'decode';
  readonly file: string;
  /** Sequences side by side. */
  readonly chains: number;
  /** Prompt tokens of a prefill, generated tokens of a decode. */
  readonly tokens: number;
  /** Ids of the prompts are below it. */
  readonly vocabSize?: number;
}

/** Tokens to be written greedily after a prompt, for both sides to be held against each other. */
export interface WriteJob {
  readonly kind: 'write';
  readonly file: string;
  readonly prompt: readonly number[];
  readonly tokens: number;
}

export type PeerJob = LinearJob | ModelJob;

export interface PeerLibrary {
  readonly version: string;
  /** Threads that it really has. */
  readonly threads: number;
  /** Does the job once: milliseconds of the work alone, a token for a decode. */
  run(job: PeerJob): Promise<number>;
  /** Ids of the tokens written. */
  write?(job: WriteJob): Promise<number[]>;
}

export interface PeerOptions {
  /** Folder whose node_modules holds the peer. */
  readonly folder: string;
  readonly threads: number;
}

/** Loads a package of the folder; ours does not depend on it. */
export async function load<Module>(folder: string, name: string): Promise<{ module: Module; version: string }> {
  const require = createRequire(resolve(folder, 'package.json'));
  const module = (await import(pathToFileURL(require.resolve(name)).href)) as Module;
  const manifest = require(resolve(folder, 'node_modules', name, 'package.json')) as { version: string };
  return { module, version: manifest.version };
}

/** Answers the parent's messages: first the version, then a time a job. */
export async function serve(open: (options: PeerOptions) => Promise<PeerLibrary>): Promise<void> {
  const send = (message: object) => process.send?.(message);
  try {
    const library = await open({ folder: process.argv[2], threads: Number(process.argv[3]) });
    const answer = async (job: PeerJob | WriteJob) =>
      job.kind === 'write' ? { ids: await library.write?.(job) } : { ms: await library.run(job) };
    process.on('message', (job: PeerJob | WriteJob) => {
      answer(job).then(send, (error: unknown) => send({ error: String(error) }));
    });
    send({ version: library.version, threads: library.threads });
  } catch (error) {
    // The rest of a module loader's message is a stack.
    send({ error: String(error).split('\n')[0] });
  }
}

/** Times one call: at least `least` milliseconds of repeats, after one that is not counted. */
export async function timeOf(call: () => Promise<unknown> | unknown, least = 100): Promise<number> {
  await call();
  let calls = 0;
  const started = performance.now();
  do {
    await call();
    calls++;
  } while (performance.now() - started < least);
  return (performance.now() - started) / calls;
}
