import { percent } from '../format.js';
import type { JudgedStream } from '../source.js';
import { type Figure, widths } from './figure.js';
import { rejectionRates } from './rejection-rates.js';

/** Points of a curve, at most: more than there are pixels. */
const points = 600;

/** Rejection rate over the last decisions, as the run went; null where too few chunks were judged to say. */
export function rollingRejectionFigure(streams: readonly JudgedStream[]): Figure | null {
  const window = rollingWindow(Math.min(...streams.map(({ rejected }) => rejected.length)));
  if (streams.length === 0 || window === null) return null;
  const curves = streams.map(({ name, rejected }) => ({ name, curve: rolling(rejected, window) }));
  const values = curves.flatMap(({ name, curve }) =>
    thinned(curve).map(([decision, rate]) => ({ method: name, decision, rate })),
  );
  const { dashed, encoding } = rejectionRates(streams, highest(values.map(({ rate }) => rate)));
  const ranges = curves.map(({ name, curve }) => {
    const rates = curve.map(([, rate]) => rate);
    return `${name} between ${percent(lowest(rates))} and ${percent(highest(rates))}`;
  });
  return {
    name: 'rolling-rejection',
    description: `Rejection rate over the last ${window} decisions: ${ranges.join('; ')}.`,
    caption: `The same rate over the last ${window} decisions, in the order in which they were made${window < 200 ? ' (the run is too short for the usual 200)' : ''}: ${ranges.join('; ')}. Dashed: the wanted rate.`,
    spec: (width) => ({
      width,
      height: width === widths.wide ? 190 : 150,
      layer: [
        dashed,
        {
          data: { values },
          mark: { type: 'line', strokeWidth: 1.6 },
          encoding: {
            x: {
              field: 'decision',
              type: 'quantitative',
              title: 'decision',
              scale: { nice: false, zero: true },
              axis: { grid: false, tickCount: width === widths.wide ? 10 : 4 },
            },
            ...encoding,
          },
        },
      ],
    }),
  };
}

/** 200 decisions, or half of them in a short run; null below 20 decisions. */
export function rollingWindow(count: number): number | null {
  if (count < 20) return null;
  return count >= 400 ? 200 : Math.floor(count / 2);
}

/** `[decisions so far, share rejected of the last ones]` from the first full window on. */
function rolling(rejected: readonly boolean[], window: number): [number, number][] {
  const curve: [number, number][] = [];
  let inWindow = 0;
  rejected.forEach((one, index) => {
    if (one) inWindow++;
    if (index >= window && rejected[index - window]) inWindow--;
    if (index >= window - 1) curve.push([index + 1, inWindow / window]);
  });
  return curve;
}

function thinned<T>(curve: readonly T[]): T[] {
  const step = Math.ceil(curve.length / points);
  return curve.filter((_, index) => index % step === 0 || index === curve.length - 1);
}

const lowest = (values: readonly number[]) => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
const highest = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
