import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { AttsError } from '../../errors.js';
import type { ParquetRequest } from './parquet-worker.js';
import { readFailure } from './rows.js';

/** No set of problems is larger than this, bytes. */
const largestFile = 2 ** 29;
/** MiB of the reader's heap. */
const memory = 1024;

/**
 * The rows of a Parquet file, as far as the wanted columns go. It is read in a thread of its own, whose time and memory
 * have an end: a few wrong bytes can declare more values than there is memory for, or a loop without one.
 * @param columns in lower case
 * @throws AttsError `dataset` with the file and what is wrong with it
 */
export async function readParquet(path: string, columns: readonly string[], seconds = 60): Promise<object[]> {
  const { size } = await stat(path).catch((cause) => {
    throw readFailure(path, cause);
  });
  if (size > largestFile) throw new AttsError('dataset', `${path}: larger than ${largestFile / 2 ** 20} MiB`);
  const request: ParquetRequest = { path, columns };
  const worker = new Worker(new URL('./parquet-worker.js', import.meta.url), {
    workerData: request,
    resourceLimits: { maxOldGenerationSizeMb: memory },
  });
  const fail = (why: string, cause?: unknown) =>
    new AttsError('dataset', `${path}: not a Parquet file that can be read (${why.replace(/\s+/g, ' ')})`, { cause });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<object[]>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', (cause: NodeJS.ErrnoException) => {
        const isFull = cause.code === 'ERR_WORKER_OUT_OF_MEMORY';
        reject(fail(isFull ? `it asks for more than ${memory} MiB` : cause.message, cause));
      });
      worker.once('exit', () => reject(fail('its reader ended early')));
      timer = setTimeout(() => reject(fail(`nothing after ${seconds} s`)), seconds * 1000);
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
