import { colour } from '../palette.js';
import type { JudgedStream } from '../source.js';

/**
 * What figures of rejection rates share: the wanted rates as dashed lines, an axis with room for the highest rate drawn,
 * and strokes in each stream's colour, with a legend only where there are several.
 */
export function rejectionRates(streams: readonly JudgedStream[], highest: number) {
  const wanted = [...new Set(streams.map(({ rejection }) => rejection.wanted))];
  return {
    wanted,
    dashed: {
      data: { values: wanted.map((rate) => ({ rate })) },
      mark: { type: 'rule' as const, strokeDash: [5, 4], color: colour('quiet') },
      encoding: { y: { field: 'rate', type: 'quantitative' as const } },
    },
    encoding: {
      y: {
        ...{ field: 'rate', type: 'quantitative' as const, title: 'rejected' },
        scale: { domain: [0, Math.max(highest, ...wanted, 0.55)], nice: true },
        axis: { format: '.0%', tickCount: 5 },
      },
      stroke: {
        ...{ field: 'method', type: 'nominal' as const },
        scale: { domain: streams.map(({ name }) => name), range: streams.map((stream) => colour(stream.colour)) },
        legend: streams.length > 1 ? { symbolType: 'stroke' as const, symbolStrokeWidth: 3 } : null,
      },
    },
  };
}
