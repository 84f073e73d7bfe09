import { number, percent } from '../format.js';
import { type ColourName, colour } from '../palette.js';
import { chainCount, type MethodName, type ReportSource } from '../source.js';
import { type Figure, widths } from './figure.js';

const colours: Record<MethodName, ColourName> = {
  ...{ 'draft-only': 'draft', 'target-only': 'target', sync: 'sync', async: 'async' },
};

/** Accuracy against the arithmetic that a chain took, a point a method; null where fewer than two were counted. */
export function accuracyByComputeFigure(source: ReportSource): Figure | null {
  const values = source.methods.flatMap(({ name, summary, ledger }) => {
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
  const names = values.map(({ method }) => method);
  const color = {
    ...{ field: 'method', type: 'nominal' as const },
    scale: { domain: names, range: names.map((name) => colour(colours[name])) },
  };
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
          mark: { type: 'rule', strokeWidth: 2 },
          encoding: {
            x: { ...x, axis: { tickCount: 6, format: '~g' } },
            y: { field: 'low', type: 'quantitative', title: 'right chains, %', scale },
            y2: { field: 'high' },
            color,
          },
        },
        {
          mark: { type: 'point', filled: true, size: 80, opacity: 1 },
          encoding: { x, y: { field: 'mean', type: 'quantitative', scale }, color },
        },
      ],
    }),
  };
}
