import { percent } from '../format.js';
import { colour } from '../palette.js';
import type { JudgedStream } from '../source.js';
import { type Figure, widths } from './figure.js';
import { rejectionRates } from './rejection-rates.js';

/** Turns with fewer decisions are drawn hollow: their rate is mostly chance. */
const enough = 100;

/** Realised rejection rate of every turn against the wanted one; null where no chunk was judged. */
export function rejectionByTurnFigure(streams: readonly JudgedStream[]): Figure | null {
  if (streams.length === 0) return null;
  const values = streams.flatMap(({ name, rejection }) =>
    rejection.perTurn.map(({ turn, decisions, rate }) => ({ method: name, turn, rate, size: kind(decisions) })),
  );
  const { wanted, dashed, encoding } = rejectionRates(streams, Math.max(...values.map(({ rate }) => rate)));
  const names = streams.map(({ name }) => name);
  const summary = streams.map(({ name, rejection }) => {
    const rates = rejection.perTurn.map(({ rate }) => rate);
    return `${name} from ${percent(Math.min(...rates))} to ${percent(Math.max(...rates))}`;
  });
  const few = values.some(({ size }) => size === kind(0));
  return {
    name: 'rejection-by-turn',
    description: `Rejection rate by turn: ${summary.join('; ')}; wanted ${wanted.map((rate) => percent(rate)).join(' and ')}.`,
    caption: `Share of draft chunks rejected, by turn (turn 0 is a chain’s first).${few ? ` Hollow: fewer than ${enough} decisions, mostly chance.` : ''} Dashed: the wanted rate.`,
    spec: (width) => ({
      width,
      height: width === widths.wide ? 190 : 150,
      layer: [
        dashed,
        {
          data: { values },
          mark: { type: 'point', size: 60, opacity: 1, strokeWidth: 1.8 },
          encoding: {
            x: {
              field: 'turn',
              type: 'ordinal',
              scale: { paddingInner: 0.55, paddingOuter: 0.3 },
              axis: { labelAngle: 0, labelOverlap: true, title: 'turn', grid: true },
            },
            xOffset: { field: 'method', type: 'nominal', sort: names },
            ...encoding,
            fill: {
              condition: streams.map((stream) => ({
                test: {
                  and: [
                    { field: 'size', equal: kind(enough) },
                    { field: 'method', equal: stream.name },
                  ],
                },
                value: colour(stream.colour),
              })),
              value: colour('paper'),
            },
          },
        },
      ],
    }),
  };
}

const kind = (decisions: number): 'many' | 'few' => (decisions >= enough ? 'many' : 'few');
