import { number } from '../format.js';
import { type ColourName, colour } from '../palette.js';
import { type Figure, widths } from './figure.js';

/** A part of a bar: what it is called and how it is drawn. */
export interface BarPart {
  readonly name: string;
  readonly colour: ColourName;
}

export interface StackedBars<M extends { readonly name: string }, P extends BarPart> {
  /** What the bar's length is, and in what: the field `tokens` and the title `tokens a chain`. */
  readonly quantity: string;
  readonly title: string;
  /** What its parts are: the field `author`. */
  readonly part: string;
  readonly methods: readonly M[];
  /** The parts of every bar, in their order. */
  readonly parts: readonly P[];
  lengthOf(method: M, part: P): number;
}

/** A bar a method, made of parts; null where all are empty. */
export function stackedBars<M extends { readonly name: string }, P extends BarPart>(
  bars: StackedBars<M, P>,
): (Pick<Figure, 'spec'> & { readonly used: readonly P[]; readonly told: string }) | null {
  const { quantity, title, part: field, methods, parts } = bars;
  const values = methods.flatMap((method) =>
    parts.map((part, order) => ({
      ...{ method: method.name, [field]: part.name, order },
      [quantity]: bars.lengthOf(method, part),
    })),
  );
  const shown = values.filter((value) => Number(value[quantity]) > 0);
  const used = parts.filter(({ name }) => shown.some((value) => value[field] === name));
  if (used.length === 0) return null;
  const told = methods.map(({ name }) => {
    const own = shown.filter((value) => value.method === name);
    return `${name} ${own.map((value) => `${value[field]} ${number(Number(value[quantity]))}`).join(', ')}`;
  });
  return {
    used,
    told: told.join('; '),
    spec: (width) => ({
      width,
      height: { step: 30 },
      data: { values: shown },
      mark: { type: 'bar', height: 18 },
      encoding: {
        y: {
          field: 'method',
          type: 'nominal',
          sort: methods.map(({ name }) => name),
          title: null,
          axis: { ticks: false, domain: false, labelFontSize: 12, labelColor: colour('ink') },
        },
        x: {
          field: quantity,
          type: 'quantitative',
          title,
          axis: { tickCount: width === widths.wide ? 10 : 5 },
        },
        order: { field: 'order', type: 'quantitative' },
        color: {
          field,
          type: 'nominal',
          scale: { domain: used.map(({ name }) => name), range: used.map((part) => colour(part.colour)) },
          legend: { columns: width === widths.wide ? used.length : 2 },
        },
      },
    }),
  };
}
