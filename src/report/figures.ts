import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { ModelCallEvent } from '../runs/records.js';
import type { MethodRun } from './method-runs.js';

export interface Figure {
  /** File name without extension. */
  readonly name: string;
  /** What the figure shows, for those who do not see it. */
  readonly alt: string;
  readonly caption: string;
  readonly spec: TopLevelSpec;
}

const schema = 'https://vega.github.io/schema/vega-lite/v6.json';
const config = {
  font: 'system-ui, sans-serif',
  axis: { labelFontSize: 12, titleFontSize: 12, titleFontWeight: 'normal', gridColor: '#e8e8ea' },
  legend: { labelFontSize: 12, titleFontSize: 12, titleFontWeight: 'normal' },
  header: { labelFontSize: 13, title: null },
  view: { stroke: null },
} as const;

/** Colours that stay apart for colour-blind readers (Okabe & Ito). */
const colours = {
  draft: '#56B4E9',
  score: '#E69F00',
  target: '#0072B2',
  barrier: '#D55E00',
  queue: '#d9d9de',
  cue: '#CC79A7',
};

/** The figure as an SVG string. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' });
  return view.toSVG();
}

/** Every figure that these runs have data for. */
export function figuresOf(runs: readonly MethodRun[]): Figure[] {
  const decided = runs.filter(({ summary }) => summary.rejection !== null);
  const scheduled = decided.length > 0 ? decided : runs;
  return [
    ...(runs.length > 1 ? [accuracyFigure(runs)] : []),
    ...(decided.length > 0 ? [turnFigure(decided), rollingFigure(decided)] : []),
    timelineFigure(scheduled),
    tokensFigure(runs),
  ];
}

function accuracyFigure(runs: readonly MethodRun[]): Figure {
  const values = runs.map(({ name, summary: { accuracy } }) => ({
    ...{ method: name, mean: 100 * accuracy.mean, low: 100 * accuracy.ci95[0], high: 100 * accuracy.ci95[1] },
  }));
  const y = { field: 'method', type: 'nominal', sort: null, axis: { title: null } } as const;
  return {
    name: 'accuracy',
    alt: values
      .map(({ method, mean, low, high }) => `${method} ${mean.toFixed(1)} %, ${low.toFixed(1)} to ${high.toFixed(1)}`)
      .join('; '),
    caption: 'Share of right chains (mean@1) with 95 % intervals that resample problems.',
    spec: {
      ...{ $schema: schema, config, width: 560, height: { step: 32 }, data: { values } },
      layer: [
        {
          mark: { type: 'rule', strokeWidth: 2, color: '#0072B2' },
          encoding: {
            x: { field: 'low', type: 'quantitative', scale: { zero: false }, axis: { title: 'accuracy, %' } },
            ...{ x2: { field: 'high' }, y },
          },
        },
        {
          mark: { type: 'point', filled: true, size: 90, color: '#0072B2' },
          encoding: { x: { field: 'mean', type: 'quantitative' }, y },
        },
      ],
    },
  };
}

function turnFigure(runs: readonly MethodRun[]): Figure {
  const values = runs.flatMap(({ name, summary: { rejection } }) =>
    (rejection?.perTurn ?? []).map(({ turn, decisions, rate }) => ({
      method: name,
      turn: turn + 1,
      decisions,
      rate: 100 * rate,
    })),
  );
  const wanted = 100 * (runs[0].summary.rejection?.wanted ?? 0);
  return {
    name: 'rejection-by-turn',
    alt: `Rejection rate by turn against the wanted ${wanted.toFixed(0)} %: ${values.map((v) => `${v.method} turn ${v.turn} ${v.rate.toFixed(0)} %`).join(', ')}`,
    caption:
      'Rejected share of draft chunks by turn; the line is the wanted rate, the area of a point the number of decisions.',
    spec: {
      ...{ $schema: schema, config, width: 560, height: 220, data: { values } },
      layer: [
        { mark: { type: 'rule', color: '#555', strokeDash: [4, 3] }, encoding: { y: { datum: wanted } } },
        {
          mark: { type: 'point', filled: true, opacity: 0.85 },
          encoding: {
            x: { field: 'turn', type: 'ordinal', axis: { title: 'turn', labelAngle: 0 } },
            y: { field: 'rate', type: 'quantitative', scale: { domain: [0, 100] }, axis: { title: 'rejected, %' } },
            xOffset: { field: 'method', sort: null },
            size: {
              field: 'decisions',
              type: 'quantitative',
              scale: { range: [20, 260] },
              legend: { title: 'decisions' },
            },
            color: {
              field: 'method',
              type: 'nominal',
              sort: null,
              scale: { range: ['#D55E00', '#0072B2'] },
              legend: { title: null },
            },
          },
        },
      ],
    },
  };
}

/** Decisions a rolling rate looks back on: 200, or a quarter of a shorter run. */
export function rollingWindow(decisions: number): number {
  return Math.max(1, Math.min(200, Math.floor(decisions / 4)));
}

function rollingFigure(runs: readonly MethodRun[]): Figure {
  const windows = new Set<number>();
  const values = runs.flatMap(({ name, events }) => {
    const rejected = events.flatMap((event) => (event.rejected === null ? [] : [Number(event.rejected)]));
    const window = rollingWindow(rejected.length);
    windows.add(window);
    // Enough points to draw; the count of rejections in the window is exact at each.
    const step = Math.max(1, Math.floor(rejected.length / 400));
    const points: { method: string; decision: number; rate: number }[] = [];
    for (let end = window; end <= rejected.length; end += step) {
      const sum = rejected.slice(end - window, end).reduce((a, b) => a + b, 0);
      points.push({ method: name, decision: end, rate: (100 * sum) / window });
    }
    return points;
  });
  const wanted = 100 * (runs[0].summary.rejection?.wanted ?? 0);
  const lows = values.map(({ rate }) => rate);
  const look = [...windows].join(' and ');
  return {
    name: 'rejection-rolling',
    alt: `Rejection rate over the last ${look} decisions, between ${Math.min(...lows).toFixed(0)} and ${Math.max(...lows).toFixed(0)} %, wanted ${wanted.toFixed(0)} %`,
    caption: `Rejected share of the last ${look} decisions as the run went on; the line is the wanted rate.`,
    spec: {
      ...{ $schema: schema, config, width: 560, height: 200, data: { values } },
      layer: [
        { mark: { type: 'rule', color: '#555', strokeDash: [4, 3] }, encoding: { y: { datum: wanted } } },
        {
          mark: { type: 'line', strokeWidth: 1.8 },
          encoding: {
            x: { field: 'decision', type: 'quantitative', axis: { title: 'decisions made' } },
            y: { field: 'rate', type: 'quantitative', scale: { domain: [0, 100] }, axis: { title: 'rejected, %' } },
            color: {
              field: 'method',
              type: 'nominal',
              sort: null,
              scale: { range: ['#D55E00', '#0072B2'] },
              legend: { title: null },
            },
          },
        },
      ],
    },
  };
}

/** Chains drawn in a timeline. */
export const timelineChains = 48;

interface Interval {
  readonly method: string;
  readonly chain: number;
  readonly what: string;
  readonly from: number;
  readonly to: number;
}

/** What a chain did between which seconds: waiting at a barrier, waiting for the device, being computed. */
function intervalsOf(method: string, chain: number, events: readonly ModelCallEvent[]): Interval[] {
  return events.flatMap(({ kind, queued, started, finished, barrier }) => {
    const parts: [string, number, number][] = [
      ['at a barrier', queued - barrier, queued],
      ['in the queue', queued, started],
      [kind === 'draft' ? 'draft writes' : kind === 'score' ? 'target scores' : 'target writes', started, finished],
    ];
    return parts
      .filter(([, from, to]) => to - from > 1)
      .map(([what, from, to]) => ({ method, chain, what, from: from / 1000, to: to / 1000 }));
  });
}

function timelineFigure(runs: readonly MethodRun[]): Figure {
  const values = runs.flatMap(({ name, chains, events }) =>
    [...chains]
      .sort((a, b) => a.started - b.started || a.finished - b.finished)
      .slice(0, timelineChains)
      .flatMap(({ problem, sample }, row) =>
        intervalsOf(
          name,
          row + 1,
          events.filter((event) => event.problem === problem && event.sample === sample),
        ),
      ),
  );
  const kinds = ['draft writes', 'target scores', 'target writes', 'at a barrier', 'in the queue'];
  const range = [colours.draft, colours.score, colours.target, colours.barrier, colours.queue];
  const waits = runs.map(({ name, summary }) => {
    const chains = summary.problems * summary.samples;
    return `${name} ${(summary.time.syncWaitSeconds / chains).toFixed(3)} s`;
  });
  return {
    name: 'timeline',
    alt: `Timeline of chains. Mean time a chain stood at barriers: ${waits.join(', ')}.`,
    caption: `The first ${timelineChains} chains to start, a row each, on one time scale. Waiting at barriers, mean a chain: ${waits.join(', ')}.`,
    spec: {
      ...{ $schema: schema, config, data: { values } },
      facet: {
        row: {
          field: 'method',
          type: 'nominal',
          sort: null,
          header: { labelAngle: 0, labelAlign: 'left', labelAnchor: 'start', labelOrient: 'top' },
        },
      },
      spec: {
        ...{ width: 620, height: 230, mark: { type: 'bar', height: { band: 0.8 } } },
        encoding: {
          x: { field: 'from', type: 'quantitative', axis: { title: 'seconds since the run began' } },
          x2: { field: 'to' },
          y: { field: 'chain', type: 'ordinal', axis: { title: 'chain', labels: false, ticks: false } },
          color: {
            field: 'what',
            type: 'nominal',
            scale: { domain: kinds, range },
            legend: { title: null, orient: 'bottom', columns: 3 },
          },
        },
      },
    },
  };
}

function tokensFigure(runs: readonly MethodRun[]): Figure {
  const kinds = ['draft, kept', 'draft, rejected', 'target', 'cue'];
  const values = runs.flatMap(({ name, chains }) => {
    const counts = new Map<string, number>(kinds.map((kind) => [kind, 0]));
    for (const { author, rejected, tokens } of chains.flatMap(({ chunks }) => chunks)) {
      const kind = author === 'draft' ? (rejected ? 'draft, rejected' : 'draft, kept') : author;
      counts.set(kind, (counts.get(kind) ?? 0) + tokens);
    }
    return kinds.map((kind, order) => ({ method: name, kind, order, tokens: (counts.get(kind) ?? 0) / chains.length }));
  });
  return {
    name: 'tokens',
    alt: values
      .filter(({ tokens }) => tokens > 0)
      .map((v) => `${v.method}: ${v.kind} ${v.tokens.toFixed(0)}`)
      .join('; '),
    caption: 'Tokens generated a chain, by author.',
    spec: {
      ...{ $schema: schema, config, width: 560, height: { step: 32 }, data: { values }, mark: 'bar' },
      encoding: {
        x: { field: 'tokens', type: 'quantitative', axis: { title: 'tokens a chain' } },
        y: { field: 'method', type: 'nominal', sort: null, axis: { title: null } },
        order: { field: 'order' },
        color: {
          ...{ field: 'kind', type: 'nominal', legend: { title: null, orient: 'bottom' } },
          scale: { domain: kinds, range: [colours.draft, '#bfe3f7', colours.target, colours.cue] },
        },
      },
    },
  };
}
