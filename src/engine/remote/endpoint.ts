import { setMaxListeners } from 'node:events';
import { Pool } from 'undici';
import { AttsError } from '../../errors.js';
import { failureOf, type Reply, Transient } from './failure.js';

/** Scores and generations have places of their own at a server, so that short scores never wait for long generations. */
export type Lane = 'generate' | 'score';

export interface AskOptions {
  /** Milliseconds until the answer must be there. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
}

/** Bytes of the longest answer that is read. */
const longestAnswer = 2 ** 28;

/** One server: its connections, which are reused, and the calls under way on them. */
export class Endpoint {
  readonly base: string;
  readonly inFlight: Record<Lane, number> = { generate: 0, score: 0 };
  /** Whether calls may go there. */
  isUp = false;
  private readonly pool: Pool;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly underWay = new Set<AbortController>();

  /** @param key sent as a bearer token */
  constructor(base: string, key: string | null, connections: number) {
    this.base = base;
    this.headers = { accept: 'application/json', ...(key !== null && { authorization: `Bearer ${key}` }) };
    // Deadlines are per call: a long generation answers nothing until it is done.
    const timeouts = { headersTimeout: 0, bodyTimeout: 0 };
    this.pool = new Pool(new URL(base).origin, { connections, ...timeouts, maxResponseSize: longestAnswer });
  }

  get numInFlight(): number {
    return this.inFlight.generate + this.inFlight.score;
  }

  /**
   * One attempt: a POST where there is a body, else a GET.
   * @param path relative to the base URL
   * @throws Transient; AttsError `run` where the signal ended it
   */
  async ask(path: string, body: object | undefined, { deadline, signal }: AskOptions): Promise<Reply> {
    const controller = new AbortController();
    const interrupt = () => controller.abort(new AttsError('run', 'interrupted'));
    if (signal?.aborted) interrupt();
    // One signal may end hundreds of chains at once.
    if (signal) setMaxListeners(0, signal);
    signal?.addEventListener('abort', interrupt, { once: true });
    const late = () => controller.abort(new Transient('broken', `no answer within ${deadline / 1000} s`));
    const timer = setTimeout(late, deadline);
    this.underWay.add(controller);
    try {
      const { pathname, search } = new URL(path, `${this.base}/`);
      const {
        statusCode,
        headers,
        body: stream,
      } = await this.pool.request({
        path: pathname + search,
        signal: controller.signal,
        ...(body === undefined
          ? { method: 'GET', headers: this.headers }
          : {
              method: 'POST',
              headers: { ...this.headers, 'content-type': 'application/json' },
              body: JSON.stringify(body),
            }),
      });
      const retryAfter = headers['retry-after'];
      return { status: statusCode, retryAfter: retryAfter?.toString() ?? null, text: await stream.text() };
    } catch (cause) {
      throw controller.signal.aborted ? controller.signal.reason : failureOf(cause);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', interrupt);
      this.underWay.delete(controller);
    }
  }

  /** Ends the calls under way with this reason. */
  abandon(reason: Error): void {
    for (const controller of this.underWay) controller.abort(reason);
  }

  async close(): Promise<void> {
    this.isUp = false;
    await this.pool.destroy();
  }
}
