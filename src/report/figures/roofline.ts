import type { TopLevelSpec } from 'vega-lite';
import { groupBy } from '../../group-by.js';
import type { MachineRoofs } from '../../profiler/intensity.js';
import { sumOps } from '../../profiler/op-rates.js';
import { fewestAndMost, type ModelProfile } from '../../profiler/profile.js';
import type { LedgerFile } from '../../runs/ledger-file.js';
import { number, percent, plural } from '../format.js';
import { type ColourName, colour } from '../palette.js';
import { profiledMethod, type ReportSource } from '../source.js';
import { type Figure, widths } from './figure.js';

const models = ['draft', 'target'] as const;

/** Of a model's phases, those that both have in their colours of all figures. */
const runColours: Readonly<Record<string, ColourName>> = {
  ...{ 'draft decode': 'draft', 'draft prefill': 'draftRejected', 'draft score': 'sync', 'draft mixed': 'queue' },
  ...{ 'target decode': 'target', 'target score': 'score', 'target prefill': 'cue', 'target mixed': 'async' },
};

/** Of one model alone: the fewest and the most rows of a decode step, then of a score. */
const profileColours: readonly ColourName[] = ['draftRejected', 'draft', 'score', 'target'];

/** More points than these are drawn with the layers of an op together. */
const mostPoints = 700;
const mostLabels = 12;
const wideHeight = 420;

/** What a point is made of. */
interface TimedOp {
  readonly phase: string;
  readonly op: string;
  readonly intensity: number;
  readonly gflops: number | null;
  readonly seconds: number | null;
}

interface Point {
  readonly phase: string;
  readonly op: string;
  readonly intensity: number;
  readonly reached: number;
  readonly seconds: number;
}

/**
 * What every op reached in a run with `--profile`: FLOP/s over FLOPs a byte, under the measured roofs (Williams et al.
 * 2009), a dot an op, layer and phase, as large as its share of the time. Null where no op was timed.
 */
export function rooflineFigure(source: ReportSource): Figure | null {
  const method = profiledMethod(source);
  if (!method) return null;
  const { points, areSummed } = pointsOf(method.ledger);
  const of = areSummed ? 'of a phase, all layers together' : 'of a layer and a phase';
  return rooflineOf(points, method.ledger.roofs, { name: method.name, of, colours: runColours });
}

/** The same of the ops of a profiled model, fewest and most rows apart. Null where no op was timed. */
export function profileRoofline({ model, passes }: ModelProfile, roofs: MachineRoofs): Figure | null {
  const points = fewestAndMost(passes).flatMap(({ phase, rows, ops = [] }) =>
    ops.flatMap((op) => pointOf({ ...op, phase: `${phase}, ${plural(rows, 'row')}` })),
  );
  const names = [...new Set(points.map(({ phase }) => phase))];
  const own = Object.fromEntries(names.map((phase, i) => [phase, profileColours[i]]));
  return rooflineOf(points, roofs, { name: model, of: 'of a pass, all layers together', colours: own });
}

interface RooflineWords {
  readonly name: string;
  /** What a dot is an op of. */
  readonly of: string;
  /** Of the phases, in their order. */
  readonly colours: Readonly<Record<string, ColourName>>;
}

function rooflineOf(
  points: readonly Point[],
  machine: MachineRoofs,
  { name, of, colours }: RooflineWords,
): Figure | null {
  if (points.length === 0) return null;
  const total = points.reduce((sum, { seconds }) => sum + seconds, 0);
  const groups = [...groupBy(points, ({ phase, op }) => `${phase}: ${op}`).entries()]
    .map(([label, own]) => ({ label, ...centreOf(own) }))
    .sort((a, b) => b.seconds - a.seconds);
  const { roofs, ridges, labels, domain } = roofsOf(machine, points);
  const { peak, bandwidth } = machine;
  const told = groups
    .slice(0, mostLabels)
    .map(
      ({ label, intensity, reached, seconds }) =>
        `${label} ${number(reached)} GFLOP/s at ${number(intensity)} FLOP/byte, ${percent(seconds / total)} of the time`,
    );
  const phases = Object.keys(colours).filter((phase) => points.some((point) => point.phase === phase));
  const [x, y] = [
    (field: string) => logAxis(field, 'FLOP / byte', domain.x),
    (field: string) => logAxis(field, 'GFLOP / s', domain.y),
  ];
  return {
    name: 'roofline',
    description: `Roofline of ${name}: ${told.join('; ')}. Roofs: ${(peak / 1e9).toFixed(0)} GFLOP/s, ${(bandwidth / 1e9).toFixed(1)} GB/s.`,
    caption: `What the ops of ${name} reached of what this machine can do, both measured here. A dot is an op ${of} (${plural(points.length, 'dot')}), its area its share of the time; where there is room, those that take most have names. The slopes are reads of ${ridges.map((one) => `${one.level} (${(one.bandwidth / 1e9).toFixed(1)} GB/s, ridge at ${one.intensity.toFixed(1)} FLOP/byte)`).join(', ')}, the flat part float32 arithmetic in registers (${(peak / 1e9).toFixed(0)} GFLOP/s). Bytes are counted once an op, wherever they lie: above the slope of main memory are models that stay in the caches.`,
    spec: (width): Omit<TopLevelSpec, '$schema'> =>
      ({
        width,
        height: width === widths.wide ? wideHeight : 300,
        layer: [
          {
            data: { values: roofs },
            mark: { type: 'line', color: colour('quiet'), strokeWidth: 1.2 },
            encoding: { x: x('intensity'), y: y('roof'), detail: { field: 'level' } },
          },
          {
            data: { values: ridges },
            mark: { type: 'point', shape: 'diamond', size: 45, color: colour('quiet') },
            encoding: { x: x('intensity'), y: y('roof') },
          },
          {
            // A telephone has room for one.
            data: { values: width === widths.wide ? labels : labels.slice(-1) },
            mark: { type: 'text', align: 'left', dy: -9, fontSize: 10, color: colour('quiet') },
            encoding: { x: x('intensity'), y: y('roof'), text: { field: 'level', type: 'nominal' } },
          },
          {
            data: { values: points },
            mark: { type: 'point', filled: true, opacity: 0.55 },
            encoding: {
              x: x('intensity'),
              y: y('reached'),
              size: {
                field: 'seconds',
                type: 'quantitative',
                scale: { range: [8, width === widths.wide ? 500 : 200] },
                legend: null,
              },
              color: {
                field: 'phase',
                type: 'nominal',
                scale: { domain: phases, range: phases.map((phase) => colour(colours[phase])) },
                legend: { columns: width === widths.wide ? phases.length : 2 },
              },
            },
          },
          {
            data: {
              values:
                width === widths.wide
                  ? apart(
                      groups.filter(({ seconds }) => seconds > total / 100),
                      domain,
                    )
                  : [],
            },
            mark: { type: 'text', align: 'left', dx: 12, fontSize: 11, color: colour('ink') },
            encoding: { x: x('intensity'), y: y('reached'), text: { field: 'label', type: 'nominal' } },
          },
        ],
      }) as Omit<TopLevelSpec, '$schema'>,
  } as Figure;
}

function pointsOf(ledger: LedgerFile): { points: Point[]; areSummed: boolean } {
  const ops = models.flatMap((model) =>
    (ledger.models[model]?.ops ?? []).map((op) => ({ ...op, phase: `${model} ${op.phase}` })),
  );
  const areSummed = ops.length > mostPoints;
  const shown = areSummed
    ? [...groupBy(ops, ({ phase, op }) => `${phase} ${op}`).values()].map((own) => ({ ...own[0], ...sumOps(own) }))
    : ops;
  return { points: shown.flatMap(pointOf), areSummed };
}

/** None for an op that was not timed, or that computes nothing. */
function pointOf({ phase, op, intensity, gflops, seconds }: TimedOp): Point[] {
  return gflops && seconds && intensity > 0
    ? [{ phase, op, intensity: rounded(intensity), reached: rounded(gflops), seconds: rounded(seconds) }]
    : [];
}

/** A drawing shows no more digits. */
const rounded = (value: number) => Number(value.toPrecision(4));

/** Where the dots of an op lie, those that take long more than others. */
function centreOf(points: readonly Point[]): Omit<Point, 'phase' | 'op'> {
  const seconds = points.reduce((sum, point) => sum + point.seconds, 0);
  const mean = (of: (point: Point) => number) =>
    10 ** (points.reduce((sum, point) => sum + point.seconds * Math.log10(of(point)), 0) / seconds);
  return { seconds, intensity: mean(({ intensity }) => intensity), reached: mean(({ reached }) => reached) };
}

/** The first of them whose names do not cover each other. */
function apart<P extends Pick<Point, 'intensity' | 'reached'>>(points: readonly P[], domain: Domain): P[] {
  const at = (value: number, [low, high]: readonly [number, number], pixels: number) =>
    (pixels * Math.log(value / low)) / Math.log(high / low);
  const shown: { point: P; x: number; y: number }[] = [];
  for (const point of points) {
    const x = at(point.intensity, domain.x, widths.wide);
    const y = at(point.reached, domain.y, wideHeight);
    const isFree = shown.every((other) => Math.abs(other.x - x) > 150 || Math.abs(other.y - y) > 15);
    if (isFree && shown.length < mostLabels) shown.push({ point, x, y });
  }
  return shown.map(({ point }) => point);
}

interface Domain {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

function roofsOf({ peak, bandwidth, levels }: LedgerFile['roofs'], points: readonly Point[]) {
  const known = levels ?? [{ level: 'DRAM', bandwidth }];
  const intensities = points.map(({ intensity }) => intensity);
  const low = power('floor', Math.min(...intensities, ...known.map((one) => peak / one.bandwidth)));
  const high = power('ceil', Math.max(...intensities, peak / bandwidth));
  const bottom = power('floor', Math.min(...points.map(({ reached }) => reached), (bandwidth * low) / 1e9));
  const top = power('ceil', Math.max(peak / 1e9, ...points.map(({ reached }) => reached)));
  const ridges = known.map((one) => ({ ...one, intensity: peak / one.bandwidth, roof: peak / 1e9 }));
  // Caches that are as fast as each other share a label.
  const labels: typeof ridges = [];
  for (const ridge of ridges) {
    const last = labels.at(-1);
    if (last && Math.abs(last.intensity / ridge.intensity - 1) < 0.2) last.level += `, ${ridge.level}`;
    else labels.push({ ...ridge });
  }
  const roofs = ridges.flatMap(({ level, bandwidth: own, intensity: ridge }) =>
    [low, Math.max(low, ridge), high].map((intensity) => ({
      ...{ level, intensity, roof: Math.min(peak, own * intensity) / 1e9 },
    })),
  );
  const domain: Domain = { x: [low, high], y: [bottom, top] };
  return { roofs, ridges, labels, domain };
}

const power = (way: 'floor' | 'ceil', value: number) => 10 ** Math[way](Math.log10(value));

function logAxis(field: string, title: string, domain: readonly [number, number]) {
  return {
    ...{ field, type: 'quantitative', title },
    scale: { type: 'log', domain, nice: false, clamp: true },
    axis: { tickCount: 6, format: '~g' },
  };
}
