import { chainCount, type ReportSource } from '../source.js';
import { activities, activityNames, chainTimes, totals } from './chain-time.js';
import type { Figure } from './figure.js';
import { stackedBars } from './stacked-bars.js';

/** What a chain's life is made of, in seconds: writing, being scored and waiting, a bar a method; null without a call. */
export function timeByPhaseFigure({ methods }: ReportSource): Figure | null {
  const bars = stackedBars({
    ...{ quantity: 'seconds', title: 'seconds a chain', part: 'activity' },
    methods: methods.map((method) => ({ ...method, sum: totals(chainTimes(method.run)) })),
    parts: activities.map((activity) => ({ name: activityNames[activity], colour: activity, activity })),
    lengthOf: ({ sum, summary }, { activity }) => sum[activity] / 1000 / chainCount(summary),
  });
  if (!bars) return null;
  return {
    name: 'time-by-phase',
    description: `Seconds of a chain's life: ${bars.told}.`,
    caption:
      'Seconds of a chain’s life by what it does or waits for, means over the chains. Calls that share a pass each take all of its time, so that the bars of chains in flight together add up to more than the wall time.',
    spec: bars.spec,
  };
}
