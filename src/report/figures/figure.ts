import type { TopLevelSpec } from 'vega-lite';
import { colour } from '../palette.js';

/** Pixels between the axes of a figure: on a desk or paper, and on a telephone. */
export const widths = { wide: 940, narrow: 270 } as const;

export type Width = (typeof widths)[keyof typeof widths];

export interface Figure {
  /** File name of its specification and drawing. */
  readonly name: string;
  /** What it shows, for those who do not see it. */
  readonly description: string;
  readonly caption: string;
  spec(width: Width): TopLevelSpec;
}

const sans = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif';

/** One look for all figures; every colour is of the palette. */
export function withLook(spec: TopLevelSpec): TopLevelSpec {
  const text = { labelColor: colour('quiet'), titleColor: colour('quiet'), labelFontSize: 11, titleFontSize: 11 };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: colour('paper'),
    padding: 4,
    ...spec,
    config: {
      font: sans,
      aria: false,
      view: { stroke: null },
      axis: {
        ...text,
        titleFontWeight: 'normal',
        domainColor: colour('line'),
        tickColor: colour('line'),
        gridColor: colour('grid'),
        labelPadding: 5,
        titlePadding: 8,
      },
      legend: { ...text, title: null, orient: 'top', symbolType: 'square', symbolStrokeWidth: 0, labelLimit: 0 },
      title: { color: colour('ink'), fontSize: 13, fontWeight: 600, anchor: 'start', frame: 'group', offset: 6 },
    },
  } as TopLevelSpec;
}

/** Draws a specification as SVG, without a browser. */
export async function drawSvg(spec: TopLevelSpec): Promise<string> {
  // The drawing packages are loaded by those alone who draw.
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: 'none', logLevel: vega.Warn });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
