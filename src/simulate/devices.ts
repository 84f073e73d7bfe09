/** Models that serve calls in virtual time: continuous batching on one device or on one each. */
import type { PassRows, SequenceRows } from '../profiler/pass-cost.js';
import type { HostTimes } from '../profiler/pass-times.js';
import type { VirtualClock } from './clock.js';

/** Seconds of a forward pass of one model. */
export type PassTimer = (rows: PassRows, index: number) => number;

/** Most rows of a pass; a longer prefill takes several. */
const mostRows = 512;
/** As the local device: stay with a model until another has so many times its calls. */
const patience = 2;

interface Request {
  /** Rows to compute before the first token, or to score. */
  prefill: number;
  /** Tokens to write. */
  writes: number;
  cached: number;
  readonly isScore: boolean;
  readonly queued: number;
  started: number;
  resolve(): void;
}

/** A model on a device: its calls wait, or share the next pass. */
export class VirtualModel {
  readonly requests: Request[] = [];
  busySeconds = 0;
  passes = 0;
  queueSeconds = 0;
  /** Calls that ended with the last pass. */
  ended = 0;
  private readonly timer: PassTimer;
  private readonly clock: VirtualClock;
  /** Prompts that are in the cache. */
  private readonly prompts = new Set<string>();

  constructor(timer: PassTimer, clock: VirtualClock) {
    this.timer = timer;
    this.clock = clock;
  }

  /** A prompt is computed once for all chains of its problem. @returns tokens that are still to be computed */
  newPromptTokens(problem: string, tokens: number): number {
    if (this.prompts.has(problem)) return 0;
    this.prompts.add(problem);
    return tokens;
  }

  /** Ends when the tokens are written, after `prefill` rows beyond `cached` ones. */
  generate(tokens: number, prefill: number, cached: number): Promise<void> {
    return this.call({ prefill: Math.max(1, prefill), writes: tokens, cached, isScore: false });
  }

  /** Ends when the tokens are scored, after `prefill` rows beyond `cached` ones. */
  score(tokens: number, prefill: number, cached: number): Promise<void> {
    return this.call({ prefill: prefill + tokens, writes: 0, cached, isScore: true });
  }

  /** The rows of the next pass, which begins at `now`, and what ends with it. */
  begin(now: number): { seconds: number; end: () => void } {
    const sequences: SequenceRows[] = [];
    const taken: { request: Request; rows: number }[] = [];
    let [room, sampled, scored] = [mostRows, 0, 0];
    // Scores go before generations, both in order of arrival.
    for (const request of [
      ...this.requests.filter(({ isScore }) => isScore),
      ...this.requests.filter((r) => !r.isScore),
    ]) {
      if (room === 0) break;
      const rows = Math.min(room, Math.max(1, request.prefill));
      room -= rows;
      sequences.push({ cached: request.cached, rows });
      taken.push({ request, rows });
      if (Number.isNaN(request.started)) {
        request.started = now;
        this.queueSeconds += now - request.queued;
      }
      if (request.isScore) scored += rows;
      else if (rows >= request.prefill) sampled++;
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

  private advance(request: Request, rows: number): void {
    request.cached += rows;
    request.prefill = Math.max(0, request.prefill - rows);
    if (request.prefill > 0) return;
    if (!request.isScore) request.writes--;
    if (request.writes > 0) return;
    this.requests.splice(this.requests.indexOf(request), 1);
    this.ended++;
    request.resolve();
  }

  private call(request: Omit<Request, 'queued' | 'started' | 'resolve'>): Promise<void> {
    return new Promise((resolve) => {
      this.requests.push({ ...request, queued: this.clock.now, started: Number.NaN, resolve });
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
    const { models } = this.group;
    const fullest = models.reduce((a, b) => (b.requests.length > a.requests.length ? b : a));
    if (this.end !== null || fullest.requests.length === 0) return;
    const { current } = this;
    const stays =
      current !== null && current.requests.length > 0 && fullest.requests.length < patience * current.requests.length;
    const begin = this.clock.now + this.hostSeconds();
    this.current = stays ? current : fullest;
    const { seconds, end } = this.current.begin(begin);
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
