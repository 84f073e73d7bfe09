/** Reads a run or a comparison and writes it up as one page that needs nothing else, with its figures beside it. */
import { join } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { makeFolder, writeFileAtomic } from '../atomic-file.js';
import type { MachineRoofs } from '../profiler/intensity.js';
import type { ModelProfile } from '../profiler/profile.js';
import { accuracyFigure } from './figures/accuracy.js';
import { accuracyByComputeFigure } from './figures/accuracy-by-compute.js';
import { drawSvg, type Figure, widths, withLook } from './figures/figure.js';
import { intensityByTurnFigure } from './figures/intensity-by-turn.js';
import { rejectionByTurnFigure } from './figures/rejection-by-turn.js';
import { rollingRejectionFigure } from './figures/rolling-rejection.js';
import { profileRoofline, rooflineFigure } from './figures/roofline.js';
import { timeByPhaseFigure } from './figures/time-by-phase.js';
import { timelineFigure } from './figures/timeline.js';
import { tokensFigure } from './figures/tokens.js';
import { type DrawnFigure, page } from './page.js';
import { type JudgedStream, judgedStreams, type ReportSource, readSource } from './source.js';

/**
 * Writes `report.html` into a run directory or a comparison, and `figures/NAME.vl.json` and `figures/NAME.svg` beside it.
 * @returns path of the page
 * @throws AttsError `config` where there is no run, `run` where one is unfinished or damaged, `io`
 */
export async function writeReport(directory: string): Promise<string> {
  const source = readSource(directory);
  const folder = join(directory, 'figures');
  makeFolder(folder);
  const drawn = new Map<string, DrawnFigure>();
  for (const figure of figuresOf(source)) {
    const narrow = await drawSvg(withLook(figure.spec(widths.narrow)));
    drawn.set(figure.name, { ...figure, svg: { wide: await writeFigure(folder, figure), narrow } });
  }
  const path = join(directory, 'report.html');
  writeFileAtomic(path, page(source, drawn));
  return path;
}

/**
 * Writes the figures of one stream of decisions, rate by turn and rolling rate, as `NAME.vl.json` and `NAME.svg`.
 * @returns paths of the drawings
 * @throws AttsError `io`
 */
export async function writeRejectionFigures(folder: string, stream: JudgedStream): Promise<string[]> {
  makeFolder(folder);
  const paths: string[] = [];
  for (const figure of rejectionFigures([stream])) {
    await writeFigure(folder, figure);
    paths.push(join(folder, `${figure.name}.svg`));
  }
  return paths;
}

/**
 * Writes the roofline of a profiled model, `roofline.vl.json` and `roofline.svg`.
 * @returns path of the drawing; null where no op was timed
 * @throws AttsError `io`
 */
export async function writeProfileRoofline(
  folder: string,
  profile: ModelProfile,
  roofs: MachineRoofs,
): Promise<string | null> {
  const figure = profileRoofline(profile, roofs);
  if (!figure) return null;
  makeFolder(folder);
  await writeFigure(folder, figure);
  return join(folder, `${figure.name}.svg`);
}

/** Writes a figure's specification and drawing, and returns the drawing. */
async function writeFigure(folder: string, { name, spec }: Figure): Promise<string> {
  const wide = withLook(spec(widths.wide));
  const svg = await drawSvg(wide);
  writeFileAtomic(join(folder, `${name}.vl.json`), `${specText(wide)}\n`);
  writeFileAtomic(join(folder, `${name}.svg`), svg);
  return svg;
}

function figuresOf(source: ReportSource): Figure[] {
  return [
    accuracyFigure(source),
    accuracyByComputeFigure(source),
    ...rejectionFigures(judgedStreams(source)),
    timeByPhaseFigure(source),
    timelineFigure(source),
    intensityByTurnFigure(source),
    rooflineFigure(source),
    tokensFigure(source),
  ].filter((figure) => figure !== null);
}

function rejectionFigures(streams: readonly JudgedStream[]): Figure[] {
  return [rejectionByTurnFigure(streams), rollingRejectionFigure(streams)].filter((figure) => figure !== null);
}

/** Readable, but with a line for a datum and not for each of its numbers. */
function specText(spec: TopLevelSpec): string {
  return JSON.stringify(spec, null, 1).replace(/\{\n\s+("[a-z]+": [^{}[\]]*?)\n\s+\}/g, (_, fields: string) => {
    return `{ ${fields.replace(/\n\s+/g, ' ')} }`;
  });
}
