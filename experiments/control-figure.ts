import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { Judgement } from './judge.js';

interface Result {
  readonly stream: string;
  readonly rule: string;
  readonly shuffled: readonly Judgement[];
}

/**
 * Selection power against how far the rate strays, a point an order of problems, a panel a stream: right and high is
 * good selection at a bad rate, left and low the opposite. Dashed: the goal.
 */
export function controlFigure(results: readonly Result[], alpha: number): Promise<string> {
  const deviations = { rollingOff: 'any 200 decisions', turnOff: 'any turn of 100 decisions' } as const;
  const values = results.flatMap(({ stream, rule, shuffled }) =>
    shuffled.flatMap((one) =>
      (['rollingOff', 'turnOff'] as const).map((kind) => ({
        ...{ stream, rule, power: one.power, deviation: deviations[kind] },
        ...{ off: one[kind], goal: kind === 'rollingOff' ? 0.08 : 0.03 },
      })),
    ),
  );
  const spec: TopLevelSpec = {
    background: 'white',
    title: `Each rule in ${results[0].shuffled.length} orders of problems, α = ${alpha}`,
    data: { values },
    facet: {
      row: { field: 'deviation', type: 'nominal', title: null },
      column: {
        field: 'stream',
        type: 'nominal',
        title: null,
        sort: [...new Set(results.map(({ stream }) => stream))],
      },
    },
    spec: {
      width: 170,
      height: 170,
      layer: [
        {
          mark: { type: 'rule', strokeDash: [4, 4], color: '#888' },
          encoding: { x: { aggregate: 'max', field: 'goal', type: 'quantitative' } },
        },
        {
          mark: { type: 'point', filled: true, size: 14, opacity: 0.5 },
          encoding: {
            x: { field: 'off', type: 'quantitative', title: 'rate off by at most', scale: { type: 'sqrt' } },
            y: { field: 'power', type: 'quantitative', title: 'selection power', scale: { zero: false } },
            color: { field: 'rule', type: 'nominal', title: null, sort: [...new Set(results.map(({ rule }) => rule))] },
          },
        },
      ],
    },
  };
  return new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}
