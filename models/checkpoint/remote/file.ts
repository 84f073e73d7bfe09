import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { AttsError } from '../../../src/errors.js';
import { hubEndpoint, hubToken } from '../../hub/connection.js';
import type { WeightsFile } from '../file.js';
import type { Reply, Span, WorkerData } from './ranges.js';

/** Bytes of the first range; each that follows upon the last is twice as long, up to the longest. */
const firstRange = 2 ** 18;
const longestRange = 2 ** 23;
/** Bytes that stay here: tensors of a layer are not read in the order in which they are stored. */
const mostKept = 2 ** 25;

export interface RemoteOptions {
  /** Milliseconds before the second attempt at what failed transiently. */
  readonly retryDelay?: number;
  /** Milliseconds without a byte after which a connection counts as dead. */
  readonly stallTimeout?: number;
}

export function isRemote(place: string): boolean {
  return /^https?:\/\//i.test(place) && URL.canParse(place);
}

/** Bytes of a file that are here. */
interface Window {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/**
 * A file at a URL, read by ranges and never as a whole: 32 MiB of them are here at a time. Who loads weights waits for
 * every read, so that requests are a thread's, which tries again where connections break and loads ahead.
 * @throws AttsError `io` where the server has no such file, or no ranges of it
 */
export function openRemoteFile(url: string, options: RemoteOptions = {}): WeightsFile {
  const { port1: port, port2 } = new MessageChannel();
  const answered = new Int32Array(new SharedArrayBuffer(4));
  const workerData: WorkerData = { url, token: tokenFor(url), port: port2, answered, ...options };
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData, transferList: [port2] });
  worker.unref();
  const close = () => {
    port.close();
    void worker.terminate();
  };
  const load = (span: Span): Extract<Reply, { bytes: unknown }> => {
    Atomics.store(answered, 0, 0);
    port.postMessage(span);
    Atomics.wait(answered, 0, 0);
    const reply = receiveMessageOnPort(port)?.message as Reply;
    if ('bytes' in reply) return reply;
    close();
    throw new AttsError(reply.code, reply.message);
  };
  const opened = load({ start: 0, length: firstRange, hasNext: false });
  const { size, version } = opened;
  /** The last used comes last. */
  let windows: Window[] = [{ start: 0, bytes: opened.bytes }];
  const endOf = ({ start, bytes }: Window) => start + bytes.length;
  /** The window that a byte lies in. */
  const windowAt = (position: number): Window => {
    let found = windows.find((window) => position >= window.start && position < endOf(window));
    if (!found) {
      const before = windows.find((window) => position === endOf(window));
      const wanted = before ? Math.min(longestRange, 2 * before.bytes.length) : firstRange;
      const known = windows.map(({ start }) => start).filter((start) => start > position);
      const length = Math.min(wanted, Math.min(size, ...known) - position);
      found = { start: position, bytes: load({ start: position, length, hasNext: length === longestRange }).bytes };
    }
    windows = [...windows.filter((window) => window !== found), found];
    for (let kept = windows.reduce((sum, { bytes }) => sum + bytes.length, 0); kept > mostKept; ) {
      kept -= windows.shift()!.bytes.length;
    }
    return found;
  };
  return {
    path: url,
    size,
    version,
    read(position, length) {
      if (position + length > size) throw new AttsError('checkpoint', `${url}: ends before byte ${position + length}`);
      const buffer = Buffer.allocUnsafeSlow(length);
      for (let done = 0; done < length; ) {
        const { start, bytes } = windowAt(position + done);
        const from = position + done - start;
        const part = bytes.subarray(from, from + length - done);
        buffer.set(part, done);
        done += part.length;
      }
      return buffer;
    },
    close,
  };
}

/** HF_TOKEN goes to the hub alone: `fetch` drops it on the way to another origin. */
function tokenFor(url: string): string | null {
  const endpoint = hubEndpoint();
  const isHub = URL.canParse(endpoint) && new URL(endpoint).origin === new URL(url).origin;
  return isHub ? hubToken() : null;
}
