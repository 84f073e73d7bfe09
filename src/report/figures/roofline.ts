import type { TopLevelSpec } from 'vega-lite';
import { readLedger } from '../../runs/ledger-file.js';
import { plural } from '../format.js';
import { colour } from '../palette.js';
import type { ReportSource } from '../source.js';
import { type Figure, widths } from './figure.js';

/**
 * What every phase of every model reached, in a run with `--profile`: FLOP/s over FLOPs a byte, under the measured roofs
 * (Williams et al. 2009), a dot as large as its share of the time. Null where nothing was counted.
 */
export function rooflineFigure(source: ReportSource): Figure | null {
  const ledgers = source.methods.flatMap(({ name, run }) => {
    const ledger = readLedger(run.path);
    return ledger ? [{ name, ledger }] : [];
  });
  if (ledgers.length === 0) return null;
  const { peak, bandwidth, levels = [{ level: 'DRAM', bandwidth }] } = ledgers[0].ledger.roofs;
  const points = ledgers.flatMap(({ name, ledger }) =>
    Object.entries(ledger.models).flatMap(([role, { phases }]) =>
      Object.entries(phases).map(([phase, { flops, bytes, seconds, passes, rows }]) => {
        const intensity = flops / (bytes.weights + bytes.activations + bytes.cache);
        const reached = flops / seconds / 1e9;
        return { method: name, model: role, phase: `${role} ${phase}`, intensity, reached, seconds, passes, rows };
      }),
    ),
  );
  const intensities = points.map(({ intensity }) => intensity);
  const low = 10 ** Math.floor(Math.log10(Math.min(...intensities, ...levels.map((one) => peak / one.bandwidth))));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...intensities, peak / bandwidth)));
  // A cache that cannot feed the arithmetic has its ridge within the picture; the others bound nothing here.
  const ridges = levels.map((one) => ({ ...one, intensity: peak / one.bandwidth, roof: peak / 1e9 }));
  // Caches that are as fast as each other share a label.
  const labels = ridges.flatMap((one, i) => {
    const near = (a: number, b: number) => Math.abs(a / b - 1) < 0.2;
    if (i > 0 && near(ridges[i - 1].intensity, one.intensity)) return [];
    let last = i;
    while (last + 1 < ridges.length && near(ridges[last].intensity, ridges[last + 1].intensity)) last++;
    return [
      {
        ...one,
        level: ridges
          .slice(i, last + 1)
          .map(({ level }) => level)
          .join(', '),
      },
    ];
  });
  const roofs = ridges.flatMap(({ level, bandwidth: own, intensity: ridge }) =>
    [low, Math.max(low, ridge), high].map((intensity) => ({
      ...{ level, intensity, roof: Math.min(peak, own * intensity) / 1e9 },
    })),
  );
  const rates = [...points.map(({ reached }) => reached), (bandwidth * low) / 1e9];
  const bottom = 10 ** Math.floor(Math.log10(Math.min(...rates)));
  const top = 10 ** Math.ceil(Math.log10(peak / 1e9));
  const told = points.map(
    ({ method, phase, intensity, reached, seconds }) =>
      `${method} ${phase}: ${reached.toFixed(1)} GFLOP/s at ${intensity.toFixed(1)} FLOP/byte, ${seconds.toFixed(1)} s`,
  );
  return {
    name: 'roofline',
    description: `Roofline: ${told.join('; ')}. Roofs: ${(peak / 1e9).toFixed(0)} GFLOP/s, ${(bandwidth / 1e9).toFixed(1)} GB/s.`,
    caption: `What the forward passes reached of what this machine can do, both measured here: the slopes are reads of ${ridges.map((one) => `${one.level} (${(one.bandwidth / 1e9).toFixed(1)} GB/s, ridge at ${one.intensity.toFixed(1)} FLOP/byte)`).join(', ')}, the flat part float32 arithmetic in registers (${(peak / 1e9).toFixed(0)} GFLOP/s). A dot's area is its time; ${plural(points.length, 'dot')}. Bytes are counted once an op, wherever they lie: above the slope of main memory are models that stay in the caches.`,
    spec: (width): Omit<TopLevelSpec, '$schema'> =>
      ({
        width,
        height: width === widths.wide ? 340 : 260,
        layer: [
          {
            data: { values: roofs },
            mark: { type: 'line', color: colour('quiet'), strokeWidth: 1.2 },
            encoding: {
              x: logAxis('intensity', 'FLOP / byte', [low, high]),
              y: logAxis('roof', 'GFLOP / s', [bottom, top]),
              detail: { field: 'level' },
            },
          },
          {
            data: { values: ridges },
            mark: { type: 'point', shape: 'diamond', size: 45, color: colour('quiet') },
            encoding: {
              x: logAxis('intensity', 'FLOP / byte', [low, high]),
              y: logAxis('roof', 'GFLOP / s', [bottom, top]),
            },
          },
          {
            data: { values: labels },
            mark: { type: 'text', align: 'left', dx: 7, dy: 11, fontSize: 10, color: colour('quiet') },
            encoding: {
              x: logAxis('intensity', 'FLOP / byte', [low, high]),
              y: logAxis('roof', 'GFLOP / s', [bottom, top]),
              text: { field: 'level', type: 'nominal' },
            },
          },
          {
            data: { values: points },
            mark: { type: 'point', filled: true, opacity: 0.75 },
            encoding: {
              x: logAxis('intensity', 'FLOP / byte', [low, high]),
              y: logAxis('reached', 'GFLOP / s', [bottom, top]),
              size: { field: 'seconds', type: 'quantitative', scale: { range: [30, 600] }, legend: null },
              color: {
                field: 'model',
                type: 'nominal',
                scale: { domain: ['draft', 'target'], range: [colour('draft'), colour('target')] },
              },
              shape: {
                field: 'method',
                type: 'nominal',
                scale: {
                  domain: ledgers.map(({ name }) => name),
                  range: ['circle', 'square', 'triangle-up', 'diamond'].slice(0, ledgers.length),
                },
                legend:
                  ledgers.length === 1
                    ? null
                    : { symbolFillColor: colour('quiet'), columns: width === widths.wide ? 4 : 2 },
              },
            },
          },
          {
            data: {
              values: width === widths.wide ? points.filter(({ method }) => method === ledgers.at(-1)?.name) : [],
            },
            mark: { type: 'text', dy: -14, fontSize: 11, color: colour('ink') },
            encoding: {
              x: logAxis('intensity', 'FLOP / byte', [low, high]),
              y: logAxis('reached', 'GFLOP / s', [bottom, top]),
              text: { field: 'phase', type: 'nominal' },
            },
          },
        ],
      }) as Omit<TopLevelSpec, '$schema'>,
  } as Figure;
}

function logAxis(field: string, title: string, domain: [number, number]) {
  return {
    field,
    type: 'quantitative',
    title,
    scale: { type: 'log', domain, nice: false },
    axis: { tickCount: 6, format: '~g' },
  };
}
