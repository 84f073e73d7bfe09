import type { TopLevelSpec } from 'vega-lite';
import type { BenchReport } from '../../bench/index.js';
import { colour } from '../palette.js';
import { withLook } from './figure.js';

/** Of the dtypes in the order of their first result. */
const colours = (['ink', 'draft', 'score', 'target', 'cue', 'async', 'sync', 'draftRejected'] as const).map(colour);

/** Share of the machine's limit that every op reaches, by rows of the pass: a dot a dtype, the limit at 1. */
export function limitsFigure({ results }: Pick<BenchReport, 'results'>): TopLevelSpec {
  const values = results.map(({ op, dtype, rows, limit, ratio }) => ({ case: `${op}, ${rows}`, dtype, limit, ratio }));
  const dtypes = [...new Set(values.map(({ dtype }) => dtype))];
  return withLook({
    width: 520,
    height: { step: 17 },
    data: { values },
    layer: [
      { mark: { type: 'rule', color: colour('quiet'), strokeDash: [4, 3] }, encoding: { x: { datum: 1 } } },
      {
        mark: { type: 'point', filled: true, size: 55, opacity: 1 },
        encoding: {
          y: {
            field: 'case',
            type: 'nominal',
            sort: [...new Set(values.map((value) => value.case))],
            title: 'op, rows of the pass',
            axis: { ticks: false, domain: false, grid: true, labelLimit: 0, labelColor: colour('ink') },
          },
          x: { field: 'ratio', type: 'quantitative', title: 'least time that the limits allow / time taken' },
          color: { field: 'dtype', type: 'nominal', scale: { domain: dtypes, range: colours.slice(0, dtypes.length) } },
          shape: {
            field: 'limit',
            type: 'nominal',
            scale: { domain: ['bandwidth', 'peak'], range: ['circle', 'diamond'] },
          },
        },
      },
    ],
  } as TopLevelSpec);
}
