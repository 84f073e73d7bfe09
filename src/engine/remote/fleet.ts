import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { AttsError, wasClosed } from '../../errors.js';
import { Endpoint, type Lane } from './endpoint.js';
import { documentOf, Locked, Transient } from './failure.js';
import { Places } from './places.js';

/** What one call sends and how its answer is read. */
export interface Exchange<T> {
  /** Relative to the base URL. */
  readonly path: string;
  /** Absent: a GET. */
  readonly body?: object;
  /** @throws Transient where the answer is none to what was asked */
  read(answer: unknown): T;
}

/** Times are milliseconds. */
export interface FleetTuning {
  /** Calls under way at one server; what is over waits here, so that a server's queue does not hide what it is doing. */
  readonly limits: Readonly<Record<Lane, number>>;
  /** Of one attempt. */
  readonly deadline: number;
  /** Failed attempts, and refusals of a busy server, after which a call is given up. */
  readonly attempts: number;
  readonly busyAttempts: number;
  /** Longest pause after a first failure; it doubles from failure to failure up to `longestDelay`. */
  readonly retryDelay: number;
  readonly longestDelay: number;
  /** After so long without an answer a server is asked whether it is well. */
  readonly patience: number;
  readonly healthDeadline: number;
  /** Pause before a dead server is asked again; doubles likewise up to `longestRevival`. */
  readonly revivalDelay: number;
  readonly longestRevival: number;
}

/** No server is waited for longer than this, milliseconds, whatever it asks. */
const longestRetryAfter = 120_000;

export const fleetTuning: FleetTuning = {
  limits: { generate: 128, score: 64 },
  deadline: 300_000,
  ...{ attempts: 10, busyAttempts: 100, retryDelay: 250, longestDelay: 15_000 },
  ...{ patience: 30_000, healthDeadline: 10_000, revivalDelay: 500, longestRevival: 10_000 },
};

export interface FleetOptions extends FleetTuning {
  /** What the model on the servers is called in notes. */
  readonly name: string;
  readonly key: string | null;
  /** Path that answers as long as a server is well. */
  readonly health: string;
  /**
   * Asks a server what it serves, before calls go there for the first time or again.
   * @throws Transient where it does not answer, AttsError where it serves something else
   */
  admit(get: (path: string) => Promise<unknown>, base: string): Promise<void>;
  /** Hears in a line that a server went or came back. */
  note(line: string): void;
}

/**
 * Servers of one model, as one. A call goes to the server with the fewest under way, and to another one after a failure;
 * all calls may be made again, because scores have no effect and generations carry their seed. No call keeps a place at a
 * server while it pauses. A server that is not well gets no calls until it is; where none is, calls wait.
 */
export class Fleet {
  private readonly endpoints: readonly Endpoint[];
  private readonly options: FleetOptions;
  private readonly places: Places;
  private readonly checked = new Set<Endpoint>();
  private readonly closing = new AbortController();

  constructor(bases: readonly string[], options: FleetOptions) {
    this.options = options;
    const { limits, key } = options;
    // One more, so that a full server can still be asked whether it is well.
    this.endpoints = bases.map((base) => new Endpoint(base, key, limits.generate + limits.score + 1));
    this.places = new Places(this.endpoints, limits);
    setMaxListeners(0, this.closing.signal);
  }

  /**
   * Asks all servers what they serve. Those that do not answer are asked again while the others work.
   * @throws AttsError `engine` where none answers; whatever `admit` refuses
   */
  async open(): Promise<void> {
    const { name, note } = this.options;
    const failures = await Promise.all(
      this.endpoints.map(async (endpoint) => {
        const failure = await this.knock(endpoint);
        endpoint.isUp = failure === null;
        return failure && { endpoint, failure };
      }),
    );
    const down = failures.filter((failed) => failed !== null);
    if (down.length === this.endpoints.length) {
      const tried = down.map(({ endpoint, failure }) => `${endpoint.base} (${failure.message})`);
      throw new AttsError('engine', `${name}: no server answers at ${tried.join(', ')}`);
    }
    for (const { endpoint, failure } of down) {
      note(`${endpoint.base} does not answer (${failure.message}); its calls go to the other servers`);
      void this.revive(endpoint);
    }
  }

  /**
   * Makes a call, as often as it takes.
   * @returns the answer as read, and when the attempt that brought it began
   * @throws AttsError `engine` or `score`, by lane, where it keeps failing; `run` where the signal ended it; what `read`
   * and the server refuse
   */
  async call<T>(
    lane: Lane,
    { path, body, read }: Exchange<T>,
    { signal, attempts = this.options.attempts }: { signal?: AbortSignal; attempts?: number } = {},
  ): Promise<{ value: T; started: number }> {
    let avoid: Endpoint | null = null;
    for (let failures = 0, refusals = 0; ; ) {
      const endpoint = await this.places.take(lane, avoid, signal);
      let failure: Transient;
      try {
        const started = performance.now();
        return { value: read(await this.ask(endpoint, path, body, signal)), started };
      } catch (cause) {
        if (!(cause instanceof Transient)) throw cause;
        failure = cause;
        this.suspect(endpoint, failure);
      } finally {
        this.places.giveBack(endpoint, lane);
      }
      avoid = endpoint;
      // Nobody has heard the call yet.
      if (failure.kind === 'unreachable') continue;
      if (failure.kind === 'busy') refusals++;
      else failures++;
      if (failures >= attempts || refusals >= this.options.busyAttempts) {
        const times = failures + refusals > 1 ? `, ${failures + refusals} times` : '';
        const line = `${endpoint.base}: ${failure.message}${times}`;
        throw new AttsError(lane === 'score' ? 'score' : 'engine', line, { cause: failure });
      }
      await this.pause(failure, failures + refusals, signal);
    }
  }

  async close(): Promise<void> {
    const closed = wasClosed(this.options.name);
    this.closing.abort(closed);
    this.places.close(closed);
    for (const endpoint of this.endpoints) endpoint.abandon(closed);
    await Promise.all(this.endpoints.map((endpoint) => endpoint.close()));
  }

  private async ask(endpoint: Endpoint, path: string, body?: object, signal?: AbortSignal): Promise<unknown> {
    const { deadline, patience } = this.options;
    const watch = setInterval(() => void this.check(endpoint), patience);
    try {
      return documentOf(endpoint.base, await endpoint.ask(path, body, { deadline, signal }));
    } finally {
      clearInterval(watch);
    }
  }

  /** A pause of random length, so that calls which failed together do not come back together. */
  private async pause({ pause }: Transient, failures: number, signal?: AbortSignal): Promise<void> {
    const { retryDelay, longestDelay } = this.options;
    const longest = Math.min(longestDelay, retryDelay * 2 ** (failures - 1));
    const milliseconds = Math.min(pause ?? 0, longestRetryAfter) + Math.random() * longest;
    try {
      if (signal) setMaxListeners(0, signal);
      await sleep(milliseconds, undefined, { signal });
    } catch (cause) {
      throw new AttsError('run', 'interrupted', { cause });
    }
  }

  private suspect(endpoint: Endpoint, failure: Transient): void {
    if (failure.kind === 'unreachable') this.takeDown(endpoint, failure);
    else if (failure.kind === 'broken') void this.check(endpoint);
  }

  /** Asks a server that gave cause for doubt whether it is well; twice, since the doubt may be in the connection. */
  private async check(endpoint: Endpoint): Promise<void> {
    if (!endpoint.isUp || this.checked.has(endpoint)) return;
    this.checked.add(endpoint);
    try {
      const first = await this.illnessOf(endpoint);
      const illness = first && (await this.illnessOf(endpoint));
      if (illness) this.takeDown(endpoint, illness);
    } finally {
      this.checked.delete(endpoint);
    }
  }

  private async illnessOf(endpoint: Endpoint): Promise<Transient | null> {
    const { health, healthDeadline } = this.options;
    try {
      const { status } = await endpoint.ask(health, undefined, { deadline: healthDeadline });
      return status < 500 ? null : new Transient('broken', `answers ${status}`);
    } catch (cause) {
      return cause instanceof Transient ? cause : null;
    }
  }

  /** Calls under way there are made again elsewhere. */
  private takeDown(endpoint: Endpoint, { message }: Transient): void {
    if (!endpoint.isUp || this.closing.signal.aborted) return;
    endpoint.isUp = false;
    const isLast = !this.endpoints.some(({ isUp }) => isUp);
    const what = isLast
      ? `no server of ${this.options.name} answers now; calls wait until one does`
      : 'its calls go to the other servers';
    this.options.note(`${endpoint.base} does not answer (${message}); ${what}`);
    endpoint.abandon(new Transient('unreachable', message));
    void this.revive(endpoint);
  }

  private async revive(endpoint: Endpoint): Promise<void> {
    const { revivalDelay, longestRevival, note } = this.options;
    let refusal: string | null = null;
    for (let round = 0; ; round++) {
      const longest = Math.min(longestRevival, revivalDelay * 2 ** round);
      const pause = (longest * (1 + Math.random())) / 2;
      await sleep(pause, undefined, { ref: false, signal: this.closing.signal }).catch(() => {});
      if (this.closing.signal.aborted) return;
      try {
        if ((await this.knock(endpoint)) === null) break;
      } catch (cause) {
        const { message } = cause as AttsError;
        if (message !== refusal) note(`${message}; it gets no calls`);
        refusal = message;
      }
    }
    endpoint.isUp = true;
    note(`${endpoint.base} answers again`);
    this.places.serve('score');
    this.places.serve('generate');
  }

  /** @returns why the server does not answer; null where it serves what it should */
  private async knock(endpoint: Endpoint): Promise<Transient | null> {
    const { healthDeadline: deadline, admit } = this.options;
    const get = async (path: string) => documentOf(endpoint.base, await endpoint.ask(path, undefined, { deadline }));
    for (let attempt = 1; ; attempt++) {
      try {
        await admit(get, endpoint.base);
        return null;
      } catch (cause) {
        // Who gives a wrong key is at fault; not who calls when a server does not take it any more.
        if (cause instanceof Locked) throw new AttsError('usage', cause.message);
        if (!(cause instanceof Transient)) throw cause;
        if (cause.kind === 'unreachable' || attempt === 4) return cause;
      }
    }
  }
}
