import { setMaxListeners } from 'node:events';
import { AttsError } from '../../errors.js';
import type { Endpoint, Lane } from './endpoint.js';

interface Waiting {
  readonly avoid: Endpoint | null;
  resolve(endpoint: Endpoint): void;
  reject(error: Error): void;
}

/**
 * Places for calls at servers that are up, so many in each lane. Who comes gets one at the server with the fewest calls
 * under way, or waits for it in order.
 */
export class Places {
  private readonly endpoints: readonly Endpoint[];
  private readonly limits: Readonly<Record<Lane, number>>;
  private readonly waiting: Readonly<Record<Lane, Set<Waiting>>> = { generate: new Set(), score: new Set() };
  /** When each server was last chosen, so that equally busy ones take turns. */
  private readonly lastTurn = new Map<Endpoint, number>();
  private turn = 0;
  private closed: Error | null = null;

  constructor(endpoints: readonly Endpoint[], limits: Readonly<Record<Lane, number>>) {
    this.endpoints = endpoints;
    this.limits = limits;
  }

  /**
   * @param avoid a server that is only taken where no other is up
   * @throws AttsError `run` where the signal ended the wait; what it was closed with
   */
  async take(lane: Lane, avoid: Endpoint | null, signal?: AbortSignal): Promise<Endpoint> {
    if (signal?.aborted) throw new AttsError('run', 'interrupted');
    if (this.closed) throw this.closed;
    const queue = this.waiting[lane];
    const free = queue.size === 0 ? this.choose(lane, avoid) : null;
    if (free) return this.occupy(free, lane);
    // One signal may end hundreds of chains at once.
    if (signal) setMaxListeners(0, signal);
    // Whoever waits keeps the process alive.
    const alive = setInterval(() => {}, 2 ** 30);
    let interrupt = () => {};
    try {
      return await new Promise<Endpoint>((resolve, reject) => {
        const place = { avoid, resolve, reject };
        interrupt = () => {
          queue.delete(place);
          reject(new AttsError('run', 'interrupted'));
        };
        signal?.addEventListener('abort', interrupt, { once: true });
        queue.add(place);
      });
    } finally {
      clearInterval(alive);
      signal?.removeEventListener('abort', interrupt);
    }
  }

  giveBack(endpoint: Endpoint, lane: Lane): void {
    endpoint.inFlight[lane]--;
    this.serve(lane);
  }

  /** Gives what is free to those who wait. */
  serve(lane: Lane): void {
    const queue = this.waiting[lane];
    for (const first of queue) {
      const free = this.choose(lane, first.avoid);
      if (free === null) return;
      queue.delete(first);
      first.resolve(this.occupy(free, lane));
    }
  }

  close(reason: Error): void {
    this.closed = reason;
    for (const queue of Object.values(this.waiting)) {
      for (const { reject } of queue) reject(reason);
      queue.clear();
    }
  }

  private choose(lane: Lane, avoid: Endpoint | null): Endpoint | null {
    const up = this.endpoints.filter(({ isUp }) => isUp);
    const others = up.filter((endpoint) => endpoint !== avoid);
    const free = (others.length > 0 ? others : up).filter(({ inFlight }) => inFlight[lane] < this.limits[lane]);
    if (free.length === 0) return null;
    const turnOf = (endpoint: Endpoint) => this.lastTurn.get(endpoint) ?? 0;
    const order = (a: Endpoint, b: Endpoint) => a.numInFlight - b.numInFlight || turnOf(a) - turnOf(b);
    return free.reduce((best, next) => (order(next, best) < 0 ? next : best));
  }

  private occupy(endpoint: Endpoint, lane: Lane): Endpoint {
    endpoint.inFlight[lane]++;
    this.lastTurn.set(endpoint, ++this.turn);
    return endpoint;
  }
}
