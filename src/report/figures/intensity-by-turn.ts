import { intensityByTurn } from '../../profiler/intensity.js';
import { number } from '../format.js';
import { colour } from '../palette.js';
import { judgedStreams, type ReportSource } from '../source.js';
import { type Figure, widths } from './figure.js';

/** Asynchronous intensity r by turn, sync beside async; null where nothing was counted. */
export function intensityByTurnFigure(source: ReportSource): Figure | null {
  const series = judgedStreams(source).flatMap((stream) => {
    const { run, ledger } = source.methods.find(({ name }) => name === stream.name)!;
    return ledger ? [{ ...stream, turns: intensityByTurn(run.events, ledger.models, ledger.roofs) }] : [];
  });
  if (series.length === 0) return null;
  const exponents = series.flatMap(({ turns }) => turns.map(({ r }) => Math.floor(Math.log10(r))));
  const [low, high] = [Math.min(...exponents), Math.max(...exponents) + 1];
  const powers = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  const told = series.map(({ name, turns }) => {
    const [first, last] = [turns[0], turns[turns.length - 1]];
    return `${name} from ${number(first.r)} at turn ${first.turn} to ${number(last.r)} at turn ${last.turn}`;
  });
  return {
    name: 'intensity-by-turn',
    description: `Asynchronous intensity r by turn: ${told.join('; ')}.`,
    caption:
      'r = T_c / (T_m + T_s): arithmetic at the measured peak over bytes at the measured bandwidth and the time of chains at barriers. What waits lowers it; a schedule without barriers does not.',
    spec: (width) => ({
      width,
      height: width === widths.wide ? 190 : 150,
      data: { values: series.flatMap(({ name, turns }) => turns.map(({ turn, r }) => ({ method: name, turn, r }))) },
      mark: { type: 'line', point: { filled: true, size: 40 } },
      encoding: {
        x: { field: 'turn', type: 'quantitative', title: 'turn', axis: { tickMinStep: 1, format: 'd', grid: false } },
        y: {
          field: 'r',
          type: 'quantitative',
          title: 'r',
          scale: { type: 'log', domain: [powers[0], powers[powers.length - 1]] },
          axis: { values: powers, format: '~g' },
        },
        color: {
          field: 'method',
          type: 'nominal',
          scale: { domain: series.map(({ name }) => name), range: series.map((one) => colour(one.colour)) },
        },
      },
    }),
  };
}
