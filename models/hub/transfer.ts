import { networkReason } from '../../src/io-error.js';
import type { HubConnection } from './connection.js';
import { type Content, PartialFile } from './partial.js';
import { Transient, withRetries } from './retry.js';

export interface Transfer {
  /** For messages. */
  readonly name: string;
  readonly url: string;
  /** Where the whole file goes, once its checksum is right. */
  readonly path: string;
  readonly content: Content;
  /** Hears the bytes of the file that are there. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * Loads one file, going on from what an earlier attempt or process left.
 * @throws AttsError `io` where it cannot be had, `run` where the signal ended it; what is there stays for the next pull
 */
export async function transfer(
  connection: HubConnection,
  { name, url, path, content, onBytes }: Transfer,
): Promise<void> {
  const partial = await PartialFile.open(path, content);
  try {
    onBytes?.(partial.bytes);
    await withRetries(name, connection.retry, () => loadRest(connection, url, partial, content.size, onBytes));
    await partial.finish(name);
  } finally {
    await partial.leave();
  }
}

async function loadRest(
  connection: HubConnection,
  url: string,
  partial: PartialFile,
  size: number,
  onBytes?: (bytes: number) => void,
): Promise<void> {
  if (partial.bytes === size) return;
  const silence = new AbortController();
  const { signal: stop } = connection.retry;
  const signal = stop ? AbortSignal.any([stop, silence.signal]) : silence.signal;
  const timer = setTimeout(
    () => silence.abort(new Error(`nothing came for ${connection.stallTimeout / 1000} s`)),
    connection.stallTimeout,
  );
  const start = partial.bytes;
  try {
    // Compressed on the way, a range would be one of the compressed bytes.
    const headers = new Headers({ 'accept-encoding': 'identity' });
    if (start > 0) headers.set('range', `bytes=${start}-`);
    const response = await connection.request(url, headers, signal);
    if (!continues(response, start)) await partial.restart();
    if (response.status === 416) throw new Transient('the server does not go on from here');
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      timer.refresh();
      if (partial.bytes + chunk.length > size) throw new Transient('more bytes came than the file has');
      await partial.append(chunk);
      onBytes?.(partial.bytes);
    }
  } catch (cause) {
    throw asTransient(cause, partial.bytes > start);
  } finally {
    clearTimeout(timer);
  }
  if (partial.bytes < size) {
    throw new Transient(`only ${partial.bytes} of ${size} bytes came`, { progressed: partial.bytes > start });
  }
}

/** Whether the answer begins where we are; a server that knows no ranges sends the file from its first byte. */
function continues(response: Response, start: number): boolean {
  if (start === 0) return true;
  return response.status === 206 && (response.headers.get('content-range') ?? '').startsWith(`bytes ${start}-`);
}

/** Errors of the connection have no class of their own; ours pass. */
function asTransient(cause: unknown, progressed: boolean): unknown {
  if (cause instanceof Error && cause.name === 'AttsError') return cause;
  const { message, pause } = cause instanceof Transient ? cause : { message: '', pause: null };
  return new Transient(message || `the connection broke off (${networkReason(cause)})`, { pause, progressed, cause });
}
