/** Models that serve calls in virtual time: continuous batching on one device or on one each. */
import { batchLimits, nextModel, pageSize } from '../engine/local/batching.js';
import type { PassRows, SequenceRows } from '../profiler/pass-cost.js';
import type { HostTimes } from '../profiler/pass-times.js';
import type { VirtualClock } from './clock.js';

/** Seconds of a forward pass of one model. */
export type PassTimer = (rows: PassRows, index: number) => number;

interface Request {
  /** Rows to compute before the first token, or to score. */
  prefill: number;
  /** Tokens to write. */
  writes: number;
  /** Tokens to score. */
  readonly scores: number;
  cached: number;
  readonly isScore: boolean;
  /** The chain's first request: whoever of its problem comes first computes the prompt. */
  readonly prompt: Prompt | null;
  readonly queued: number;
  resolve(): void;
}

export interface Prompt {
  readonly problem: string;
  readonly tokens: number;
}

/** What a chain asks for. */
export interface Call {
  /** To write, or to score. */
  readonly tokens: number;
  /** Rows to compute first, beyond `cached` ones. */
  readonly prefill: number;
  readonly cached: number;
  /** Of a chain's first call: the tokens before all these, which may be in the cache. */
  readonly prompt: Prompt | null;
}

/** A model on a device: its calls wait, or share the next pass. Makes batches as the local scheduler does. */
export class VirtualModel {
  private readonly waiting: Request[] = [];
  private readonly running: Request[] = [];
  busySeconds = 0;
  passes = 0;
  queueSeconds = 0;
  /** Calls that ended with the last pass. */
  ended = 0;
  private readonly timer: PassTimer;
  private readonly clock: VirtualClock;
  /** Problems whose prompts are in the cache. */
  private readonly prompts = new Set<string>();

  constructor(timer: PassTimer, clock: VirtualClock) {
    this.timer = timer;
    this.clock = clock;
  }

  get pending(): number {
    return this.waiting.length + this.running.length;
  }

  /** Ends when the tokens are written. */
  generate({ tokens, ...call }: Call): Promise<void> {
    return this.add({ ...call, writes: tokens, scores: 0, isScore: false });
  }

  /** Ends when the tokens are scored. */
  score({ tokens, prefill, ...call }: Call): Promise<void> {
    return this.add({ ...call, prefill: prefill + tokens, writes: 0, scores: tokens, isScore: true });
  }

  /** The rows of the next pass, which begins at `now`, and what ends with it. */
  begin(now: number): { seconds: number; end: () => void } {
    const sequences: SequenceRows[] = [];
    const taken: { request: Request; rows: number }[] = [];
    let [room, sampled, scored] = [batchLimits.maxRows, 0, 0];
    const take = (request: Request) => {
      // A token is drawn from the row before it, which has to be computed if nothing else has.
      const rows = Math.min(room, Math.max(1, request.prefill));
      room -= rows;
      sequences.push({ cached: request.cached, rows });
      taken.push({ request, rows });
      // What comes before the tokens that are scored goes first.
      if (request.isScore) scored += Math.max(0, rows - Math.max(0, request.prefill - request.scores));
      else if (rows >= request.prefill) sampled++;
    };
    // What has begun is finished before more is admitted.
    for (const request of this.running) if (room > 0) take(request);
    const computing = new Set(
      taken.flatMap(({ request }) => (this.lacksPrompt(request) ? [request.prompt.problem] : [])),
    );
    for (const request of [...this.waiting]) {
      if (room === 0 || this.running.length >= batchLimits.maxSequences) break;
      if (this.lacksPrompt(request)) {
        const { problem, tokens } = request.prompt;
        // What another one of this pass is about to compute can be shared one pass later.
        if (computing.has(problem) && tokens >= pageSize) continue;
        computing.add(problem);
        request.prefill += tokens;
      } else {
        request.cached += request.prompt?.tokens ?? 0;
      }
      this.waiting.splice(this.waiting.indexOf(request), 1);
      this.running.push(request);
      this.queueSeconds += now - request.queued;
      take(request);
    }
    const seconds = this.timer({ sequences, sampled, scored }, this.passes);
    this.busySeconds += seconds;
    this.passes++;
    const end = () => {
      this.ended = 0;
      for (const { request, rows } of taken) this.advance(request, rows);
    };
    return { seconds, end };
  }

  private lacksPrompt(request: Request): request is Request & { prompt: Prompt } {
    return request.prompt !== null && !this.prompts.has(request.prompt.problem);
  }

  private advance(request: Request, rows: number): void {
    request.cached += rows;
    if (request.prompt && request.cached >= request.prompt.tokens) this.prompts.add(request.prompt.problem);
    request.prefill = Math.max(0, request.prefill - rows);
    if (request.prefill > 0) return;
    if (!request.isScore) request.writes--;
    if (request.writes > 0) return;
    this.running.splice(this.running.indexOf(request), 1);
    this.ended++;
    request.resolve();
  }

  /** Scores go before generations, both in order of arrival. */
  private add(request: Omit<Request, 'queued' | 'resolve'>): Promise<void> {
    return new Promise((resolve) => {
      const firstGeneration = request.isScore ? this.waiting.findIndex(({ isScore }) => !isScore) : -1;
      const place = firstGeneration < 0 ? this.waiting.length : firstGeneration;
      this.waiting.splice(place, 0, { ...request, queued: this.clock.now, resolve });
    });
  }
}

/** The models of one device, and the work that lies between its passes. */
export interface VirtualGroup {
  readonly models: readonly VirtualModel[];
  readonly host: HostTimes;
}

class Device {
  private readonly group: VirtualGroup;
  private readonly clock: VirtualClock;
  private current: VirtualModel | null = null;
  /** End of the pass that runs; infinity when idle. */
  busyUntil = Infinity;
  private end: (() => void) | null = null;
  private freeSince = 0;
  private chainsSeen = 0;

  constructor(group: VirtualGroup, clock: VirtualClock) {
    this.group = group;
    this.clock = clock;
  }

  /** Begins a pass, if there is one to run and none runs. */
  start(): void {
    if (this.end !== null) return;
    const next = nextModel(this.group.models, this.current);
    if (next === null) return;
    const begin = this.clock.now + this.hostSeconds();
    this.current = next;
    const { seconds, end } = next.begin(begin);
    this.busyUntil = begin + seconds;
    this.end = end;
  }

  finish(): void {
    this.end?.();
    this.end = null;
    this.busyUntil = Infinity;
    this.freeSince = this.clock.now;
  }

  /** What has to be done before the next pass: the results of the last one, and chains that ended with it. */
  hostSeconds(): number {
    const { passSeconds, callSeconds, chainSeconds } = this.group.host;
    const chains = this.clock.chainsEnded - this.chainsSeen;
    this.chainsSeen = this.clock.chainsEnded;
    // While a device had nothing to run, the results were taken meanwhile.
    const ended = this.clock.now > this.freeSince ? 0 : (this.current?.ended ?? 0);
    return passSeconds + callSeconds * ended + chainSeconds * chains;
  }
}

/** Runs the devices until no call is left. A device is work-conserving: while a model of it has calls, it runs. */
export async function runDevices(groups: readonly VirtualGroup[], clock: VirtualClock): Promise<void> {
  const devices = groups.map((group) => new Device(group, clock));
  for (;;) {
    // Chains take their results and make their next calls.
    await new Promise((resolve) => setImmediate(resolve));
    for (const device of devices) device.start();
    const next = devices.reduce((a, b) => (b.busyUntil < a.busyUntil ? b : a));
    const until = Math.min(next.busyUntil, clock.nextDelay);
    if (until === Infinity) break;
    clock.now = until;
    if (next.busyUntil === until) next.finish();
    clock.release();
  }
  clock.now += Math.max(...devices.map((device) => device.hostSeconds()));
}
