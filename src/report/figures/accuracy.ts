import { interval, percent } from '../format.js';
import { colour } from '../palette.js';
import type { ReportSource } from '../source.js';
import { type Figure, widths } from './figure.js';

/** Share of chains that end right, with its interval, a row a method. */
export function accuracyFigure(source: ReportSource): Figure {
  const values = source.methods.map(({ name, summary: { accuracy } }) => ({
    method: name,
    mean: 100 * accuracy.mean,
    low: 100 * accuracy.ci95[0],
    high: 100 * accuracy.ci95[1],
    label: `${percent(accuracy.mean)} (${interval(accuracy.ci95)})`,
  }));
  const low = Math.max(0, Math.floor((Math.min(...values.map((value) => value.low)) - 3) / 5) * 5);
  const high = Math.min(100, Math.ceil((Math.max(...values.map((value) => value.high)) + 3) / 5) * 5);
  return {
    name: 'accuracy',
    description: `Accuracy with 95 % interval: ${values.map(({ method, label }) => `${method} ${label}`).join('; ')}.`,
    caption: `Share of chains that end with the right answer (mean@1). Lines: 95 % intervals, made by resampling problems, since chains of one problem are right or wrong together.${low > 0 ? ' The axis does not begin at zero.' : ''}`,
    spec: (width) => ({
      width,
      height: { step: 34 },
      data: { values },
      encoding: {
        y: {
          field: 'method',
          type: 'nominal',
          sort: values.map(({ method }) => method),
          title: null,
          axis: { ticks: false, domain: false, labelFontSize: 12, labelColor: colour('ink') },
        },
      },
      layer: [
        {
          mark: { type: 'rule', strokeWidth: 2, color: colour('quiet') },
          encoding: {
            x: {
              field: 'low',
              type: 'quantitative',
              title: 'right chains, %',
              scale: { domain: [low, high], nice: false },
              axis: { tickCount: width === widths.wide ? 10 : 5 },
            },
            x2: { field: 'high' },
          },
        },
        {
          mark: { type: 'point', filled: true, size: 80, opacity: 1, color: colour('ink') },
          encoding: { x: { field: 'mean', type: 'quantitative' } },
        },
        {
          mark: { type: 'text', dy: -11, fontSize: 11, color: colour('ink') },
          encoding: { x: { field: 'mean', type: 'quantitative' }, text: { field: 'label', type: 'nominal' } },
        },
      ],
    }),
  };
}
