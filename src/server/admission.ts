import { HttpError } from './errors.js';

/** Counts the calls of requests under way, and refuses requests whose calls would wait behind too many others. */
export class Admission {
  /** Calls that run at once, and that may wait besides. */
  private readonly capacity: number;
  private admitted = 0;
  /** Requests that were told to come again. */
  refused = 0;
  private requests = 0;
  private idle: (() => void)[] = [];

  constructor(running: number, waiting: number) {
    this.capacity = running + waiting;
  }

  get calls(): number {
    return this.admitted;
  }

  /**
   * Runs a request of so many engine calls.
   * @throws HttpError 400 for more than the server ever takes at once, 429 for more than it takes now
   */
  async run<T>(calls: number, body: () => Promise<T>): Promise<T> {
    if (calls > this.capacity) {
      throw new HttpError(400, `a request of ${calls} sequences is over the ${this.capacity} that this server takes`);
    }
    if (this.admitted + calls > this.capacity) {
      this.refused++;
      throw new HttpError(429, 'the server is busy; try again', { code: 'busy', headers: { 'retry-after': '1' } });
    }
    this.admitted += calls;
    this.requests++;
    try {
      return await body();
    } finally {
      this.admitted -= calls;
      this.requests--;
      if (this.requests === 0) for (const resolve of this.idle.splice(0)) resolve();
    }
  }

  /** Resolves when no request is under way. */
  async settled(): Promise<void> {
    if (this.requests > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
  }
}
