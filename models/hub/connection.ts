import { HUB_URL } from '@huggingface/hub';
import { AttsError } from '../../src/errors.js';
import { networkReason } from '../../src/io-error.js';
import { type RetryOptions, refuseTransient, Transient, withRetries } from './retry.js';
import type { Repository } from './spec.js';

export interface HubOptions {
  /** Base URL; HF_ENDPOINT where it is set, otherwise the library's. */
  readonly endpoint?: string;
  /** HF_TOKEN where it is set. */
  readonly token?: string | null;
  /** HF_HUB_CACHE, or hub/ in HF_HOME. */
  readonly cache?: string;
  /** Use the cache alone; HF_HUB_OFFLINE where it is set. */
  readonly offline?: boolean;
  /** Milliseconds before the second attempt at what failed transiently. */
  readonly retryDelay?: number;
  /** Milliseconds without a byte after which a connection counts as dead. */
  readonly stallTimeout?: number;
  readonly signal?: AbortSignal;
}

/** Whether HF_HUB_OFFLINE asks for the cache alone. */
export function isOffline(): boolean {
  return ['1', 'on', 'yes', 'true'].includes((process.env.HF_HUB_OFFLINE ?? '').toLowerCase());
}

/** HF_ENDPOINT, or the public hub. */
export function hubEndpoint(): string {
  return (process.env.HF_ENDPOINT || HUB_URL).replace(/\/+$/, '');
}

/** HF_TOKEN, where it is set. */
export function hubToken(): string | null {
  return process.env.HF_TOKEN || null;
}

/** Requests to one hub about one repository: authorised, and with every refusal as one line. */
export class HubConnection {
  readonly endpoint: string;
  readonly stallTimeout: number;
  readonly retry: RetryOptions;
  private readonly repository: Repository;
  private readonly token: string | null;

  constructor(repository: Repository, options: HubOptions) {
    this.repository = repository;
    this.endpoint = (options.endpoint ?? hubEndpoint()).replace(/\/+$/, '');
    if (!URL.canParse(this.endpoint)) throw new AttsError('usage', `HF_ENDPOINT ${this.endpoint} is not a URL`);
    this.token = options.token === undefined ? hubToken() : options.token;
    this.stallTimeout = options.stallTimeout ?? 30_000;
    this.retry = { retryDelay: options.retryDelay ?? 1000, signal: options.signal };
  }

  /** What the library calls instead of `fetch`: whole answers, repeated where they break off. */
  readonly fetch: typeof fetch = (input, init) => {
    const url = String(input instanceof Request ? input.url : input);
    return withRetries(this.repository.name, this.retry, async () => {
      const timeout = AbortSignal.timeout(this.stallTimeout);
      const { signal } = this.retry;
      const response = await this.request(
        url,
        new Headers(init?.headers),
        signal ? AbortSignal.any([signal, timeout]) : timeout,
      );
      const body = await response.text().catch((cause) => {
        throw new Transient(`the answer broke off (${networkReason(cause)})`, { cause });
      });
      return new Response(body, { status: response.status, headers: response.headers });
    });
  };

  /**
   * One attempt, redirects followed; comes back with a success or with 416, a range that the server does not have. (The
   * token goes to the hub alone: `fetch` drops it on the way to another origin.)
   * @throws Transient; AttsError `io` for what no repetition cures
   */
  async request(url: string, headers: Headers, signal: AbortSignal): Promise<Response> {
    if (this.token !== null && new URL(url).origin === new URL(this.endpoint).origin) {
      headers.set('authorization', `Bearer ${this.token}`);
    }
    let response: Response;
    try {
      response = await fetch(url, { headers, signal });
    } catch (cause) {
      throw new Transient(`${this.endpoint} cannot be reached (${networkReason(cause)})`, { cause });
    }
    if (response.ok || response.status === 416) return response;
    await response.body?.cancel();
    refuseTransient(this.endpoint, response);
    throw this.refusal(response);
  }

  private refusal({ status, headers }: Response): AttsError {
    const { name } = this.repository;
    const say = (text: string) => new AttsError('io', text);
    const code = headers.get('x-error-code');
    if (code === 'GatedRepo') {
      return say(
        this.token === null
          ? `${name} is gated: accept its terms on the hub and give a token in HF_TOKEN`
          : `${name} is gated, and the account of HF_TOKEN has no access: accept its terms on the hub`,
      );
    }
    if (code === 'RevisionNotFound') return say(`${name} has no such revision; give a branch, a tag or a commit of it`);
    if (code === 'EntryNotFound') return say(`${name} has no such file at this revision`);
    if (status === 401 && this.token !== null && code !== 'RepoNotFound') {
      return say(`${this.endpoint} does not accept the token in HF_TOKEN`);
    }
    if (status === 404 || status === 401) {
      const kind = this.repository.kind;
      const cure =
        this.token === null ? 'or it is private and needs a token in HF_TOKEN' : 'or HF_TOKEN may not see it';
      return say(`${name}: no such ${kind} repository at ${this.endpoint}, ${cure}`);
    }
    return say(`${name}: ${this.endpoint} answers ${status}`);
  }
}
