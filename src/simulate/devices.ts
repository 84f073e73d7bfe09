/** Models that serve calls in virtual time: continuous batching on one device or on one each. */
import type { PassRows, SequenceRows } from '../profiler/pass-cost.js';

/** Seconds of a forward pass of one model. */
export type PassTimer = (rows: PassRows) => number;

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

  /** The rows of the next pass, and what ends with it. */
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
    const seconds = this.timer({ sequences, sampled, scored });
    this.busySeconds += seconds;
    this.passes++;
    return { seconds, end: () => taken.forEach(({ request, rows }) => void this.advance(request, rows)) };
  }

  private advance(request: Request, rows: number): void {
    request.cached += rows;
    request.prefill = Math.max(0, request.prefill - rows);
    if (request.prefill > 0) return;
    if (!request.isScore) request.writes--;
    if (request.writes > 0) return;
    this.requests.splice(this.requests.indexOf(request), 1);
    request.resolve();
  }

  private call(request: Omit<Request, 'queued' | 'started' | 'resolve'>): Promise<void> {
    return new Promise((resolve) => {
      this.requests.push({ ...request, queued: this.clock.now, started: Number.NaN, resolve });
    });
  }
}

/** Virtual seconds, moved on by the devices. */
export class VirtualClock {
  now = 0;
}

interface Device {
  readonly models: readonly VirtualModel[];
  current: VirtualModel | null;
  /** End of the pass that runs; infinity when idle. */
  busyUntil: number;
  end: (() => void) | null;
}

/**
 * Runs the devices until no call is left. A device is work-conserving: while a model of it has calls, it runs.
 * @param groups the models of each device
 */
export async function runDevices(groups: readonly (readonly VirtualModel[])[], clock: VirtualClock): Promise<void> {
  const devices: Device[] = groups.map((models) => ({ models, current: null, busyUntil: Infinity, end: null }));
  for (;;) {
    // Chains take their results and make their next calls.
    await new Promise((resolve) => setImmediate(resolve));
    for (const device of devices) if (device.end === null) start(device, clock.now);
    const next = devices.reduce((a, b) => (b.busyUntil < a.busyUntil ? b : a));
    if (next.end === null) return;
    clock.now = next.busyUntil;
    next.end();
    next.end = null;
    next.busyUntil = Infinity;
  }
}

function start(device: Device, now: number): void {
  const fullest = device.models.reduce((a, b) => (b.requests.length > a.requests.length ? b : a));
  if (fullest.requests.length === 0) return;
  const { current } = device;
  const stays =
    current !== null && current.requests.length > 0 && fullest.requests.length < patience * current.requests.length;
  device.current = stays ? current : fullest;
  const { seconds, end } = device.current.begin(now);
  device.busyUntil = now + seconds;
  device.end = end;
}
