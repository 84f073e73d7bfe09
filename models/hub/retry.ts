import { setTimeout as sleep } from 'node:timers/promises';
import { AttsError } from '../../src/errors.js';
import { retryAfter } from '../../src/retry-after.js';

/** A failure that may be gone on the next attempt: a busy server, a cut or silent connection. */
export class Transient extends Error {
  /** Milliseconds that the server asks to wait. */
  readonly pause: number | null;
  /** Something arrived before it failed: the attempts are counted anew. */
  readonly progressed: boolean;

  constructor(
    message: string,
    { pause = null as number | null, progressed = false, cause = undefined as unknown } = {},
  ) {
    super(message, { cause });
    this.pause = pause;
    this.progressed = progressed;
  }
}

/** @throws Transient for an answer that may be another one on the next attempt */
export function refuseTransient(server: string, { status, headers }: Response): void {
  if (status === 429 || status === 408 || status >= 500) {
    throw new Transient(`${server} answers ${status}`, { pause: retryAfter(headers.get('retry-after')) });
  }
}

export interface RetryOptions {
  /** Milliseconds before the second attempt; each later pause is twice as long. */
  readonly retryDelay: number;
  readonly signal?: AbortSignal;
  /** What to do when it keeps failing. */
  readonly cure?: string;
}

/** Attempts in a row that bring nothing. */
const attempts = 6;
/** No server is waited for longer than this, milliseconds. */
const longestPause = 120_000;

/**
 * Repeats a step that fails transiently, after growing pauses with jitter, or after those that the server asks for.
 * @throws AttsError `io` where it keeps failing, `run` where the signal ended it; whatever else the step throws
 */
export async function withRetries<T>(what: string, options: RetryOptions, step: () => Promise<T>): Promise<T> {
  const { retryDelay, signal, cure = 'the same command goes on from where it is' } = options;
  for (let failures = 0; ; ) {
    try {
      return await step();
    } catch (error) {
      if (signal?.aborted) throw new AttsError('run', 'interrupted', { cause: error });
      if (!(error instanceof Transient)) throw error;
      failures = error.progressed ? 1 : failures + 1;
      if (failures >= attempts) {
        throw new AttsError('io', `${what}: ${error.message}, ${failures} times in a row; ${cure}`, { cause: error });
      }
      const pause = error.pause ?? retryDelay * 2 ** (failures - 1) * (1 + Math.random() / 4);
      await sleep(Math.min(pause, longestPause), undefined, { signal }).catch(() => {});
    }
  }
}
