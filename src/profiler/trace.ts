/** A run as a trace in the Trace Event format (JSON), which Perfetto and Chrome's tracing page open. All pure. */
import { groupBy } from '../group-by.js';
import { chainKey, type ModelCallEvent } from '../runs/records.js';
import { stretchesOf } from '../runs/stretches.js';
import type { PassSample } from './pass-series.js';

/** One entry of the format (Google, Trace Event Format, 2016). */
export interface TraceEvent {
  readonly ph: 'X' | 'M' | 'C' | 's' | 'f';
  readonly name: string;
  readonly pid: number;
  readonly tid?: number;
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly id?: number;
  readonly bp?: 'e';
  readonly args?: Readonly<Record<string, unknown>>;
}

export interface Trace {
  readonly traceEvents: readonly TraceEvent[];
}

/** Processes of the trace. */
const pids = { chains: 1, draft: 2, target: 3, decisions: 4 } as const;
const rollingWindow = 200;

/**
 * Every chain is a track of what it did and waited for; the two models are tracks of when they had calls, with how many.
 * Arrows lead from a chunk to its score and from there to its continuation. Counters show the rows and KV pages of passes,
 * the rate in force and the share of rejected among the last 200 decisions.
 * @param passes on the clock of the events
 */
export function traceOf(
  events: readonly ModelCallEvent[],
  passes: Readonly<Partial<Record<'draft' | 'target', readonly PassSample[]>>> = {},
): Trace {
  const chains = [...groupBy(events, chainKey).values()];
  return {
    traceEvents: [
      ...processName(pids.chains, 'chains'),
      ...processName(pids.draft, 'draft model'),
      ...processName(pids.target, 'target model'),
      ...processName(pids.decisions, 'decisions'),
      ...chains.flatMap(chainTrack),
      ...modelTrack(
        pids.draft,
        events.filter(({ kind }) => kind === 'draft'),
      ),
      ...modelTrack(
        pids.target,
        events.filter(({ kind }) => kind !== 'draft'),
      ),
      ...(['draft', 'target'] as const).flatMap((role) => passCounters(pids[role], passes[role] ?? [])),
      ...decisionCounters(events),
    ],
  };
}

const microseconds = (milliseconds: number) => Math.round(milliseconds * 1000);

/** Perfetto misreads numbers of more than 18 decimals. */
const short = (value: number) => Number(value.toPrecision(12));
const shortOrNull = (value: number | null) => value && short(value);

function processName(pid: number, name: string): TraceEvent[] {
  return [
    { ph: 'M', name: 'process_name', pid, args: { name } },
    { ph: 'M', name: 'process_sort_index', pid, args: { sort_index: pid } },
  ];
}

function slice(
  pid: number,
  tid: number,
  name: string,
  from: number,
  to: number,
  args?: TraceEvent['args'],
): TraceEvent[] {
  const ts = microseconds(from);
  const dur = microseconds(to) - ts;
  return dur > 0 ? [{ ph: 'X', cat: 'chain', name, pid, tid, ts, dur, ...(args && { args }) }] : [];
}

function chainTrack(calls: readonly ModelCallEvent[], index: number): TraceEvent[] {
  const tid = index + 1;
  const { problem, sample } = calls[0];
  const track = calls.flatMap((call, i) => {
    const { kind, turn, tokens, promptTokens, cachedTokens, score, p, alpha, rejected } = call;
    const decision = { score: shortOrNull(score), p: shortOrNull(p), alpha: shortOrNull(alpha), rejected };
    const args = { turn, tokens, promptTokens, cachedTokens, ...(kind === 'score' && decision) };
    return stretchesOf(call, calls[i - 1]?.finished ?? 0).flatMap(({ activity, from, to }) =>
      slice(pids.chains, tid, activity, from, to, activity === kind ? args : undefined),
    );
  });
  return [
    { ph: 'M', name: 'thread_name', pid: pids.chains, tid, args: { name: `${problem} / ${sample}` } },
    { ph: 'M', name: 'thread_sort_index', pid: pids.chains, tid, args: { sort_index: tid } },
    ...track,
    ...flows(calls, tid),
  ];
}

/** From a chunk to its score, and from the score to what goes on from there: the target's chunk, or the next draft. */
function flows(calls: readonly ModelCallEvent[], tid: number): TraceEvent[] {
  return calls.flatMap((call, i) => {
    const next = calls[i + 1];
    if (next === undefined || call.kind === 'target') return [];
    // Unique in the trace: a chain has fewer than 100,000 calls.
    const common = { name: `${call.kind} → ${next.kind}`, cat: 'flow', id: tid * 100_000 + i, pid: pids.chains, tid };
    const [from, to] = [call, next].map(within);
    if (from === undefined || to === undefined) return [];
    return [
      { ph: 's', ...common, ts: from },
      { ph: 'f', bp: 'e', ...common, ts: to },
    ] satisfies TraceEvent[];
  });
}

/** An arrow binds to the slice around its time, which has its beginning and not its end; a call of no length has no slice. */
function within({ started, finished }: ModelCallEvent): number | undefined {
  const [from, to] = [microseconds(started), microseconds(finished)];
  return to > from ? Math.floor((from + to) / 2) : undefined;
}

/** When a model had a call running, and how many. */
function modelTrack(pid: number, calls: readonly ModelCallEvent[]): TraceEvent[] {
  const changes = calls
    .flatMap(({ started, finished }) => [
      { at: microseconds(started), by: 1 },
      { at: microseconds(finished), by: -1 },
    ])
    // Ends before beginnings, so that a count is never above what ran at once.
    .sort((a, b) => a.at - b.at || a.by - b.by);
  const track: TraceEvent[] = [{ ph: 'M', name: 'thread_name', pid, tid: 1, args: { name: 'busy' } }];
  let running = 0;
  let since = 0;
  for (const [i, { at, by }] of changes.entries()) {
    if (running === 0) since = at;
    running += by;
    if (changes[i + 1]?.at === at) continue;
    track.push({ ph: 'C', name: 'calls running', pid, ts: at, args: { calls: running } });
    if (running === 0 && at > since)
      track.push({ ph: 'X', cat: 'model', name: 'busy', pid, tid: 1, ts: since, dur: at - since });
  }
  return track;
}

/** What passes had in them: rows, and the KV pages that their sequences held. */
function passCounters(pid: number, samples: readonly PassSample[]): TraceEvent[] {
  return samples.flatMap(({ started, rows, pages }) => [
    { ph: 'C' as const, name: 'rows of a pass', pid, ts: microseconds(started), args: { rows } },
    { ph: 'C' as const, name: 'KV pages held', pid, ts: microseconds(started), args: { pages } },
  ]);
}

function decisionCounters(events: readonly ModelCallEvent[]): TraceEvent[] {
  const decided = events.filter(({ rejected }) => rejected !== null).sort((a, b) => a.finished - b.finished);
  let rejections = 0;
  return decided.flatMap(({ finished, alpha, rejected }, i): TraceEvent[] => {
    rejections += rejected ? 1 : 0;
    if (i >= rollingWindow) rejections -= decided[i - rollingWindow].rejected ? 1 : 0;
    const ts = microseconds(finished);
    const counter = (name: string, value: number): TraceEvent => ({
      ph: 'C',
      name,
      pid: pids.decisions,
      ts,
      args: { value: short(value) },
    });
    const share = rejections / Math.min(i + 1, rollingWindow);
    return [counter('rejected of the last 200', share), ...(alpha === null ? [] : [counter('rate in force', alpha)])];
  });
}
