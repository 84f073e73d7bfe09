import type { TopLevelSpec } from 'vega-lite';
import { colour } from '../palette.js';
import { withLook } from './figure.js';

/** A mean with its 95 % interval. */
export interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** Runs of one schedule at one number of samples or turns. */
export interface IntensityPoint {
  readonly axis: 'samples' | 'turns';
  readonly value: number;
  readonly schedule: 'sync' | 'async';
  readonly r: Estimate;
  /** Seconds a chain. */
  readonly barrier: Estimate;
}

/** Intensity r and the waiting at barriers, against samples and turns: sync beside async, with intervals. */
export function intensityFigure(points: readonly IntensityPoint[]): TopLevelSpec {
  const quantities = [
    { of: 'r', title: 'r = T_c / (T_m + T_s)', scale: { type: 'log', nice: false } },
    { of: 'barrier', title: 'seconds a chain at barriers', scale: {} },
  ] as const;
  const panel = (axis: IntensityPoint['axis'], { of, title, scale }: (typeof quantities)[number]) => {
    const values = points
      .filter((point) => point.axis === axis)
      .map((point) => ({ value: point.value, schedule: point.schedule, ...point[of] }));
    const x = {
      field: 'value',
      type: 'quantitative',
      title: axis,
      scale: { type: 'log', base: 2 },
      axis: { values: [...new Set(values.map(({ value }) => value))], format: 'd', grid: false },
    };
    const y = (field: string) => ({ field, type: 'quantitative', title: axis === 'samples' ? title : null, scale });
    const color = {
      ...{ field: 'schedule', type: 'nominal' },
      scale: { domain: ['sync', 'async'], range: [colour('sync'), colour('async')] },
    };
    return {
      ...{ width: 300, height: 190, data: { values } },
      layer: [
        { mark: { type: 'rule', strokeWidth: 1.5 }, encoding: { x, y: y('low'), y2: { field: 'high' }, color } },
        { mark: { type: 'line', point: { filled: true, size: 40 } }, encoding: { x, y: y('mean'), color } },
      ],
    };
  };
  return withLook({
    vconcat: quantities.map((quantity) => ({
      hconcat: (['samples', 'turns'] as const)
        .filter((axis) => points.some((point) => point.axis === axis))
        .map((axis) => panel(axis, quantity)),
    })),
  } as unknown as TopLevelSpec);
}
