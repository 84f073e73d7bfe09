import type { MessagePort } from 'node:worker_threads';
import { AttsError } from '../../../src/errors.js';
import { networkReason } from '../../../src/io-error.js';
import { refuseTransient, Transient, withRetries } from '../../hub/retry.js';
import type { RemoteOptions } from './file.js';

export interface WorkerData extends RemoteOptions {
  readonly url: string;
  readonly token: string | null;
  readonly port: MessagePort;
  /** Set to 1 and notified when an answer is there. */
  readonly answered: Int32Array;
}

/** Bytes that are asked for. */
export interface Span {
  readonly start: number;
  readonly length: number;
  /** The bytes that follow will be asked for next. */
  readonly hasNext: boolean;
}

export type Reply =
  | { readonly bytes: Uint8Array; readonly size: number; readonly version: string | null }
  | { readonly code: AttsError['code']; readonly message: string };

/** Ranges of one file over HTTP: what breaks off goes on from the byte that it has come to. */
export class Ranges {
  /** Bytes of the file, once an answer has come. */
  size = 0;
  /** Size and ETag, or date, as the server tells them. */
  version: string | null = null;
  private readonly url: string;
  private readonly token: string | null;
  private readonly retryDelay: number;
  private readonly stallTimeout: number;

  constructor({ url, token, retryDelay = 1000, stallTimeout = 30_000 }: Omit<WorkerData, 'port' | 'answered'>) {
    this.url = url;
    this.token = token;
    this.retryDelay = retryDelay;
    this.stallTimeout = stallTimeout;
  }

  /**
   * Fewer bytes than `length` where the file ends.
   * @throws AttsError `io`
   */
  async load(start: number, length: number): Promise<Uint8Array> {
    let bytes = new Uint8Array(this.size === 0 ? length : Math.min(length, this.size - start));
    let done = 0;
    const cure = 'try again later, or download the file and give its path';
    await withRetries(this.url, { retryDelay: this.retryDelay, cure }, async () => {
      const before = done;
      const silence = new AbortController();
      const stall = () => silence.abort(new Error(`nothing came for ${this.stallTimeout / 1000} s`));
      const timer = setTimeout(stall, this.stallTimeout);
      try {
        const body = await this.request(start + done, start + bytes.length, silence.signal);
        bytes = bytes.subarray(0, this.size - start);
        for await (const chunk of body) {
          timer.refresh();
          if (done + chunk.length > bytes.length) throw new Transient('more bytes came than were asked for');
          bytes.set(chunk, done);
          done += chunk.length;
        }
      } catch (cause) {
        if (cause instanceof AttsError) throw cause;
        const { message, pause } = cause instanceof Transient ? cause : { message: '', pause: null };
        const what = message || `the connection broke off (${networkReason(cause)})`;
        throw new Transient(what, { pause, progressed: done > before, cause });
      } finally {
        clearTimeout(timer);
      }
      if (done < bytes.length)
        throw new Transient(`only ${done} of ${bytes.length} bytes came`, { progressed: done > before });
    });
    return bytes;
  }

  private async request(start: number, end: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    // Compressed on the way, a range would be one of the compressed bytes.
    const headers = new Headers({ 'accept-encoding': 'identity', range: `bytes=${start}-${end - 1}` });
    if (this.token !== null) headers.set('authorization', `Bearer ${this.token}`);
    const response = await fetch(this.url, { headers, signal });
    try {
      this.check(response, start);
    } catch (error) {
      await response.body?.cancel();
      throw error;
    }
    return response.body as unknown as AsyncIterable<Uint8Array>;
  }

  /** Holds an answer against what was asked, and against earlier ones: the file must stay the same. */
  private check(response: Response, start: number): void {
    const { status, headers } = response;
    const say = (what: string) => new AttsError('io', `${this.url}: ${what}`);
    refuseTransient('the server', response);
    if (status === 200) {
      throw say('the server sends whole files only, no ranges of them; download the file and give its path');
    }
    if (status !== 206) throw say(`the server answers ${status}`);
    const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? [];
    if (Number(from) !== start) throw say('the server sends another range than it was asked for');
    const size = Number(total);
    const mark = headers.get('etag') ?? headers.get('last-modified');
    const version = mark === null ? null : `${size} bytes, ${mark}`;
    if (this.size !== 0 && (size !== this.size || version !== this.version)) {
      throw say('the file changed while it was read; start again');
    }
    this.size = size;
    this.version = version;
  }
}
