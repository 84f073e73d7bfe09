import { number } from '../format.js';
import { type ColourName, colour } from '../palette.js';
import { chainCount, type ReportSource } from '../source.js';
import { type Activity, activities, activityNames, chainTimes, totals } from './chain-time.js';
import { type Figure, widths } from './figure.js';

/** What a chain's life is made of, in seconds: writing, being scored and waiting, a bar a method; null without a call. */
export function timeByPhaseFigure(source: ReportSource): Figure | null {
  const values = source.methods.flatMap(({ name, run, summary }) => {
    const sums = totals(chainTimes(run));
    return activities.map((activity, order) => ({
      ...{ method: name, activity: activityNames[activity], order },
      seconds: sums[activity] / 1000 / chainCount(summary),
    }));
  });
  const used = activities.filter((activity: Activity) =>
    values.some((value) => value.activity === activityNames[activity] && value.seconds > 0),
  );
  if (used.length === 0) return null;
  const told = source.methods.map(({ name }) => {
    const own = values.filter(({ method, seconds }) => method === name && seconds > 0);
    return `${name} ${own.map(({ activity, seconds }) => `${activity} ${number(seconds)}`).join(', ')}`;
  });
  return {
    name: 'time-by-phase',
    description: `Seconds of a chain's life: ${told.join('; ')}.`,
    caption:
      'Seconds of a chain’s life by what it does or waits for, means over the chains. Calls that share a pass each take all of its time, so that the bars of chains in flight together add up to more than the wall time.',
    spec: (width) => ({
      width,
      height: { step: 30 },
      data: { values: values.filter(({ seconds }) => seconds > 0) },
      mark: { type: 'bar', height: 18 },
      encoding: {
        y: {
          field: 'method',
          type: 'nominal',
          sort: source.methods.map(({ name }) => name),
          title: null,
          axis: { ticks: false, domain: false, labelFontSize: 12, labelColor: colour('ink') },
        },
        x: {
          field: 'seconds',
          type: 'quantitative',
          title: 'seconds a chain',
          axis: { tickCount: width === widths.wide ? 10 : 5 },
        },
        order: { field: 'order', type: 'quantitative' },
        color: {
          field: 'activity',
          type: 'nominal',
          scale: {
            domain: used.map((activity) => activityNames[activity]),
            range: used.map((activity) => colour(activity satisfies ColourName)),
          },
          legend: width === widths.wide ? { columns: used.length } : { columns: 2 },
        },
      },
    }),
  };
}
