/** Answers the reads of file.ts, one after another, and loads what follows in the meantime. */
import { workerData } from 'node:worker_threads';
import { AttsError } from '../../../src/errors.js';
import { Ranges, type Reply, type Span, type WorkerData } from './ranges.js';

const { port, answered, ...source } = workerData as WorkerData;
const ranges = new Ranges(source);
let ahead: { readonly start: number; readonly bytes: Promise<Uint8Array> } | null = null;

port.on('message', async (span: Span) => {
  port.postMessage(await answer(span));
  Atomics.store(answered, 0, 1);
  Atomics.notify(answered, 0);
});

async function answer({ start, length, hasNext }: Span): Promise<Reply> {
  try {
    const bytes = await (ahead?.start === start ? ahead.bytes : ranges.load(start, length));
    const next = start + bytes.length;
    ahead = hasNext && next < ranges.size ? { start: next, bytes: ranges.load(next, length) } : null;
    // A failure is told to who asks for it, if anybody does.
    ahead?.bytes.catch(() => {});
    return { bytes, size: ranges.size, version: ranges.version };
  } catch (cause) {
    const { code, message } =
      cause instanceof AttsError ? cause : new AttsError('io', `${source.url}: ${(cause as Error).message}`);
    return { code, message };
  }
}
