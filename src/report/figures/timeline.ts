import type { Stretch } from '../../runs/stretches.js';
import { integer, number, percent } from '../format.js';
import { type ColourName, colour } from '../palette.js';
import type { MethodName, MethodRun, ReportSource } from '../source.js';
import { activities, activityNames, type ChainTime, chainTimes, totals } from './chain-time.js';
import { type Figure, widths } from './figure.js';

/** Chains drawn per method: more rows are thinner than a line. */
const shownChains = 64;

interface Panel {
  readonly name: MethodName;
  readonly all: readonly ChainTime[];
  readonly shown: readonly ChainTime[];
}

/** Who did what when, a row a chain, sync above async on one time scale; null without any call. */
export function timelineFigure(source: ReportSource): Figure | null {
  const panels = chosen(source).map(panelOf);
  const used = activities.filter((activity) => panels.some(({ all }) => totals(all)[activity] > 0));
  if (used.length === 0) return null;
  const end = Math.max(...panels.flatMap(({ shown }) => shown.map(({ chain }) => chain.finished))) / 1000;
  const cut = panels.filter(({ all, shown }) => shown.length < all.length);
  const waits = panels.map(({ name, all }) => `${name}: ${waitingText(all)}`).join('; ');
  return {
    name: 'timeline',
    description: `Timeline of chains. Share of the chains' time spent waiting, ${waits}.`,
    caption: `A row is a chain, grouped by problem; colour is what it does at that moment.${
      cut.length > 0 ? ` Shown: the first ${shownChains} of ${integer(cut[0].all.length)} chains to start.` : ''
    }${panels.length > 1 ? ' Both have the same time scale.' : ''} Share of all chains’ time spent waiting – ${waits}.`,
    spec: (width) => ({
      spacing: 14,
      vconcat: panels.map(({ name, shown }, index) => {
        const rows = [...shown].sort(byProblem);
        const step = width === widths.wide ? Math.max(4, Math.min(14, 260 / rows.length)) : 3.5;
        const isLast = index === panels.length - 1;
        return {
          title: panels.length > 1 ? name : undefined,
          width,
          height: Math.max(24, Math.round(rows.length * step)),
          layer: [
            {
              data: { values: rows.flatMap(({ stretches }, row) => marks(stretches, row, end, width)) },
              mark: { type: 'rect' as const },
              encoding: {
                x: {
                  field: 'from',
                  type: 'quantitative' as const,
                  title: isLast ? 'seconds since the run began' : null,
                  scale: { domain: [0, end], nice: false },
                  axis: { grid: false, labels: isLast, tickCount: width === widths.wide ? 10 : 5 },
                },
                x2: { field: 'to' },
                y: {
                  field: 'top',
                  type: 'quantitative' as const,
                  scale: { domain: [0, rows.length], reverse: true, nice: false },
                  axis: null,
                },
                y2: { field: 'bottom' },
                color: {
                  field: 'activity',
                  type: 'nominal' as const,
                  title: null,
                  scale: {
                    domain: used.map((activity) => activityNames[activity]),
                    range: used.map((activity) => colour(activity satisfies ColourName)),
                  },
                  legend: width === widths.wide ? { columns: used.length } : { columns: 2 },
                },
              },
            },
            {
              data: { values: problemLabels(rows, step) },
              mark: {
                type: 'text' as const,
                align: 'right' as const,
                fontSize: 10,
                color: colour('quiet'),
                limit: width === widths.wide ? 110 : 60,
              },
              encoding: {
                x: { value: -6 },
                y: { field: 'middle', type: 'quantitative' as const },
                text: { field: 'problem', type: 'nominal' as const },
              },
            },
          ],
        };
      }),
    }),
  };
}

/** In a comparison, the two schedules; where neither ran, whatever did. */
function chosen({ isComparison, methods }: ReportSource): readonly MethodRun[] {
  const schedules = methods.filter(({ name }) => name === 'sync' || name === 'async');
  return isComparison && schedules.length > 0 ? schedules : methods;
}

function panelOf({ name, run }: MethodRun): Panel {
  const all = chainTimes(run);
  return { name, all, shown: all.slice(0, shownChains) };
}

function byProblem(a: ChainTime, b: ChainTime): number {
  return a.chain.problem.localeCompare(b.chain.problem, 'en', { numeric: true }) || a.chain.sample - b.chain.sample;
}

/**
 * Rectangles of one row. Time is cut into pixels, a pixel shows what took most of it, and equal neighbours are one
 * rectangle, so that a drawing stays small however many calls there were.
 */
function marks(stretches: readonly Stretch[], row: number, end: number, pixels: number) {
  const pixel = (1000 * end) / pixels;
  const taken = activities.map(() => new Float64Array(pixels));
  for (const { activity, from, to } of stretches) {
    const own = taken[activities.indexOf(activity)];
    const first = Math.floor(from / pixel);
    for (let at = first; at < pixels && at * pixel < to; at++) {
      own[at] += Math.min(to, (at + 1) * pixel) - Math.max(from, at * pixel);
    }
  }
  const shown = Array.from({ length: pixels }, (_, at) => {
    const times = taken.map((own) => own[at]);
    const most = Math.max(...times);
    return most >= pixel / 3 ? times.indexOf(most) : -1;
  });
  const rectangles: { activity: string; from: number; to: number; top: number; bottom: number }[] = [];
  for (let from = 0; from < pixels; ) {
    let to = from;
    while (to < pixels && shown[to] === shown[from]) to++;
    const seconds = (at: number) => Number(((at * pixel) / 1000).toPrecision(6));
    if (shown[from] >= 0) {
      const activity = activityNames[activities[shown[from]]];
      rectangles.push({ activity, from: seconds(from), to: seconds(to), top: row, bottom: row + 0.88 });
    }
    from = to;
  }
  return rectangles;
}

/** A problem's name beside the middle of its rows, where they leave room for it. */
function problemLabels(rows: readonly ChainTime[], step: number): { problem: string; middle: number }[] {
  const labels: { problem: string; middle: number }[] = [];
  for (let from = 0; from < rows.length; ) {
    const { problem } = rows[from].chain;
    let to = from;
    while (to < rows.length && rows[to].chain.problem === problem) to++;
    if ((to - from) * step >= 11) labels.push({ problem, middle: (from + to) / 2 });
    from = to;
  }
  return labels;
}

function waitingText(times: readonly ChainTime[]): string {
  const { barrier, queue } = totals(times);
  const lived = times.reduce((sum, { chain }) => sum + chain.finished - chain.started, 0);
  const share = (part: number) => (lived > 0 ? percent(part / lived) : percent(0));
  return `${share(barrier)} at barriers (${number(barrier / 1000)} s), ${share(queue)} in the queue (${number(queue / 1000)} s)`;
}
