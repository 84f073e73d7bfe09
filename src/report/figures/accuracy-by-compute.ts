import { readLedger } from '../../runs/ledger-file.js';
import { number, percent } from '../format.js';
import { colour } from '../palette.js';
import { chainCount, type ReportSource } from '../source.js';
import { type Figure, widths } from './figure.js';

/** Accuracy against the arithmetic that a chain took, a point a method; null where fewer than two were counted. */
export function accuracyByComputeFigure(source: ReportSource): Figure | null {
  const values = source.methods.flatMap(({ name, run, summary }) => {
    const ledger = readLedger(run.path);
    if (!ledger) return [];
    const flops = Object.values(ledger.models).reduce((sum, { total }) => sum + total.flops, 0);
    const { mean, ci95 } = summary.accuracy;
    const [low, high] = ci95.map((share) => 100 * share);
    return [{ method: name, gflops: flops / 1e9 / chainCount(summary), mean: 100 * mean, low, high }];
  });
  if (values.length < 2) return null;
  const told = values.map(({ method, gflops, mean }) => `${method} ${percent(mean / 100)} at ${number(gflops)} GFLOP`);
  const x = {
    ...{ field: 'gflops', type: 'quantitative' as const, title: 'GFLOP a chain' },
    scale: { type: 'log' as const, nice: false, padding: 60 },
  };
  const scale = { zero: false };
  return {
    name: 'accuracy-by-compute',
    description: `Accuracy by arithmetic a chain: ${told.join('; ')}.`,
    caption:
      'Share of right chains against the floating point operations of a chain, prompts and scores included. Lines: 95 % intervals by problems. Up and to the left is better.',
    spec: (width) => ({
      width,
      height: width === widths.wide ? 220 : 190,
      data: { values },
      layer: [
        {
          mark: { type: 'rule', strokeWidth: 2, color: colour('quiet') },
          encoding: {
            x: { ...x, axis: { tickCount: 6, format: '~g' } },
            y: { field: 'low', type: 'quantitative', title: 'right chains, %', scale },
            y2: { field: 'high' },
          },
        },
        {
          mark: { type: 'point', filled: true, size: 80, opacity: 1, color: colour('ink') },
          encoding: { x, y: { field: 'mean', type: 'quantitative', scale } },
        },
        {
          mark: { type: 'text', align: 'left', dx: 9, fontSize: 11, color: colour('ink') },
          encoding: {
            x,
            y: { field: 'mean', type: 'quantitative', scale },
            text: { field: 'method', type: 'nominal' },
          },
        },
      ],
    }),
  };
}
